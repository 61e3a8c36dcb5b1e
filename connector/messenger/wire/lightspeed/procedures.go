package lightspeed

import (
	"slices"
	"strings"
)

// procedures are the stored procedures that become rows, with the columns that a row can't do without.
var procedures = map[string]procedure{
	"executeFirstBlockForSyncTransaction":   rows(firstBlocks, (*FirstBlock).columns, 0),
	"executeFirstBlockForSyncTransactionV4": rows(firstBlocks, (*FirstBlock).columnsV4, 0),
	"executeFinallyBlockForSyncTransaction": rows(func(t *Table) *[]FinallyBlock { return &t.FinallyBlocks }, (*FinallyBlock).columns),
	"handleSyncFailure":                     rows(func(t *Table) *[]SyncFailure { return &t.SyncFailures }, (*SyncFailure).columns),
	"upsertSyncGroupThreadsRange":           rows(func(t *Table) *[]ThreadRange { return &t.ThreadRanges }, (*ThreadRange).columns, 0),
	"threadsRangesQuery":                    rows(func(t *Table) *[]RangeQuery { return &t.RangeQueries }, (*RangeQuery).columns),

	"deleteThenInsertThread":                         rows(threads, (*Thread).insertColumns, 7),
	"updateOrInsertThread":                           rows(threads, (*Thread).updateColumns, 7),
	"verifyThreadExists":                             rows(func(t *Table) *[]KnownThread { return &t.KnownThreads }, (*KnownThread).columns, 0),
	"addParticipantIdToGroupThread":                  rows(func(t *Table) *[]Participant { return &t.Participants }, (*Participant).columns, 0, 1),
	"removeParticipantFromThread":                    rows(func(t *Table) *[]Departure { return &t.Departures }, (*Departure).columns, 0, 1),
	"updateThreadParticipantAdminStatus":             rows(func(t *Table) *[]AdminStatus { return &t.AdminStatuses }, (*AdminStatus).columns, 0, 1),
	"syncUpdateThreadName":                           rows(func(t *Table) *[]ThreadName { return &t.ThreadNames }, (*ThreadName).columns, 1),
	"setThreadImageURL":                              rows(func(t *Table) *[]ThreadPicture { return &t.ThreadPictures }, (*ThreadPicture).columns, 0),
	"updateThreadMuteSetting":                        rows(func(t *Table) *[]Mute { return &t.Mutes }, (*Mute).columns, 0),
	"upsertFolder":                                   rows(func(t *Table) *[]Folder { return &t.Folders }, (*Folder).columns, 0),
	"deleteThread":                                   rows(threadDeletes, (*ThreadDelete).columns, 0),
	"deletePartialThread":                            rows(threadDeletes, (*ThreadDelete).columns, 0),
	"deleteMessageRequest":                           rows(threadDeletes, (*ThreadDelete).columns, 0),
	"hybridThreadDelete":                             rows(threadDeletes, (*ThreadDelete).columns, 0),
	"moveThreadToE2EECutoverFolder":                  rows(threadMoves, moveColumns(MovedToEncrypted), 0),
	"moveThreadToArchivedFolder":                     rows(threadMoves, moveColumns(MovedToArchive), 0),
	"moveThreadToInboxAndUpdateParent":               rows(threadMoves, moveColumns(MovedToInbox), 0),
	"deleteThenInsertMessageRequest":                 rows(func(t *Table) *[]MessageRequest { return &t.Requests }, (*MessageRequest).columns, 0),
	"verifyHybridThreadExists":                       rows(hybridThreads, (*HybridThread).verifyColumns, 0, 1),
	"updateThreadAuthorityAndMappingWithOTIDFromJID": rows(hybridThreads, (*HybridThread).mappingColumns, 0, 1),
	"changeViewerStatus":                             rows(func(t *Table) *[]ReadOnly { return &t.ReadOnly }, (*ReadOnly).columns, 0),

	"deleteThenInsertContact":       rows(contacts, (*Contact).insertColumns, 0),
	"verifyContactRowExists":        rows(contacts, (*Contact).verifyColumns, 0),
	"verifyContactParticipantExist": rows(contacts, (*Contact).participantColumns, 0),
	"insertSearchResult":            rows(func(t *Table) *[]SearchResult { return &t.SearchResults }, (*SearchResult).columns),

	"insertMessage":              rows(func(t *Table) *[]Message { return &t.Messages }, messageColumns(noShift), 3, 8),
	"upsertMessage":              rows(func(t *Table) *[]Message { return &t.History }, messageColumns(noShift), 3, 8),
	"deleteThenInsertMessage":    rows(func(t *Table) *[]Message { return &t.Replaced }, messageColumns(withoutTwo), 3, 8),
	"insertNewMessageRange":      rows(func(t *Table) *[]MessageRange { return &t.MessageRanges }, (*MessageRange).columns, 0),
	"updateExistingMessageRange": rows(func(t *Table) *[]RangeEnd { return &t.RangeEnds }, (*RangeEnd).columns, 0),
	"deleteMessage":              rows(func(t *Table) *[]MessageDelete { return &t.MessageDeletes }, (*MessageDelete).columns, 0, 1),
	"editMessage":                rows(func(t *Table) *[]Edit { return &t.Edits }, (*Edit).columns, 0),
	"upsertLiveLocationSharer":   rows(func(t *Table) *[]LiveLocation { return &t.LiveLocations }, (*LiveLocation).columns, 0, 1),
	"upsertReaction":             rows(reactions, (*Reaction).upsertColumns, 2, 3),
	"deleteReaction":             rows(reactions, (*Reaction).deleteColumns, 1, 2),

	"insertBlobAttachment":    rows(blobs, (*Blob).blobColumns, 32),
	"insertAttachment":        rows(blobs, (*Blob).attachmentColumns, 37),
	"insertXmaAttachment":     rows(func(t *Table) *[]XMA { return &t.XMAs }, (*XMA).columns, 30),
	"insertAttachmentCta":     rows(func(t *Table) *[]CTA { return &t.CTAs }, (*CTA).columns, 1),
	"insertStickerAttachment": rows(func(t *Table) *[]Sticker { return &t.Stickers }, (*Sticker).columns, 18),

	"updateReadReceipt":     rows(func(t *Table) *[]Read { return &t.Reads }, (*Read).columns, 1, 2),
	"markThreadRead":        rows(ownReads, (*OwnRead).columnsV1, 1),
	"markThreadReadV2":      rows(ownReads, (*OwnRead).columnsV2, 0),
	"updateDeliveryReceipt": rows(func(t *Table) *[]DeliveryReceipt { return &t.Deliveries }, (*DeliveryReceipt).columns, 1, 2),
	"updateTypingIndicator": rows(func(t *Table) *[]Typing { return &t.Typing }, (*Typing).columns, 0, 1),

	"replaceOptimsiticMessage":    rows(func(t *Table) *[]Sent { return &t.Sent }, (*Sent).columns, 0, 1),
	"markOptimisticMessageFailed": rows(sendFails, (*SendFail).markColumns, 0),
	"updateSubscriptErrorMessage": rows(sendFails, (*SendFail).noteColumns, 1),
	"handleFailedTask":            rows(func(t *Table) *[]TaskFail { return &t.TaskFails }, (*TaskFail).columns),
	"issueNewError":               rows(func(t *Table) *[]TaskError { return &t.Errors }, (*TaskError).columns),
	"issueNewTask":                rows(func(t *Table) *[]IssuedTask { return &t.IssuedTasks }, (*IssuedTask).columns, 1, 2),
}

func firstBlocks(t *Table) *[]FirstBlock     { return &t.FirstBlocks }
func threads(t *Table) *[]Thread             { return &t.Threads }
func threadDeletes(t *Table) *[]ThreadDelete { return &t.ThreadDeletes }
func threadMoves(t *Table) *[]ThreadMove     { return &t.ThreadMoves }
func hybridThreads(t *Table) *[]HybridThread { return &t.HybridThreads }
func contacts(t *Table) *[]Contact           { return &t.Contacts }
func reactions(t *Table) *[]Reaction         { return &t.Reactions }
func blobs(t *Table) *[]Blob                 { return &t.Blobs }
func ownReads(t *Table) *[]OwnRead           { return &t.OwnReads }
func sendFails(t *Table) *[]SendFail         { return &t.SendFails }

// ignored are procedures that are known and say nothing a bridge needs.
var ignored = setOf(
	"appendDataTraceAddon", "bumpThread", "checkAuthoritativeMessageExists", "clearPinnedMessages", "deleteBannersByIds",
	"deleteExistingMessageRanges", "deleteThenInsertBotProfileInfoCategoryV2", "deleteThenInsertBotProfileInfoV2",
	"deleteThenInsertContactPresence", "deleteThenInsertIGContactInfo", "deleteThenInsertIgThreadInfo",
	"disableSyncForSyncGroup", "fillDeanonCacheForE2EEThread", "getFirstAvailableAttachmentCTAID",
	"hasMatchingAttachmentCTA", "insertAttachmentItem",
	"mailboxTaskCompletionApiOnTaskCompletion", "mciTraceLog", "overwriteAllThreadParticipantsAdminStatus",
	"queryAdditionalGroupThreads", "refreshLastActivityTimestamp", "removeTask", "replaceOptimisticReaction",
	"resetGroupInvites", "setForwardScore", "setHMPSStatus", "setMessageDisplayedContentTypes",
	"setMessageTextHasLinks", "setPinnedMessage", "setThreadCannotUnsendReason", "storyContactSyncFromBucket",
	"taskExists", "truncatePresenceDatabase", "truncateTablesForSyncGroup",
	"updateAttachmentCtaAtIndexIgnoringAuthority", "updateExtraAttachmentColumns",
	"updateLastSyncCompletedTimestampMsToNow", "updateMessagesOptimisticContext",
	"updateOptimisticContextThreadKeys", "updateOrInsertEditMessageHistory", "updateParentFolderReadWatermark",
	"updateParticipantCapabilities", "updateParticipantLastMessageSendTimestamp", "updateTaskQueueName",
	"updateTaskValue", "updateThreadTheme",
	"updateThreadsRangesV2", "updateUnsentMessageCollapsedStatus", "upsertFolderSeenTimestamp", "upsertGradientColor",
	"upsertInboxThreadsRange", "upsertSequenceId", "upsertTheme", "writeCTAIdToThreadsTable",
	"writeThreadCapabilities",
)

// ignoredPrefixes are families of such procedures.
var ignoredPrefixes = []string{"handleRepliesOn", "updateThreadSnippet"}

func isIgnored(name string) bool {
	return ignored[name] || slices.ContainsFunc(ignoredPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
