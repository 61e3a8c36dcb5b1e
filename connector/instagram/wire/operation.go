package wire

// operation is a persisted GraphQL document.
type operation struct {
	name     string // in Config.Documents
	friendly string // the site's own
	id       string // built in: of August 2026
}

// The operations that a Client uses.
var (
	opInbox        = operation{"inbox", "PolarisDirectInboxQuery", "27262915580045003"}
	opInboxPage    = operation{"inbox_page", "IGDThreadListOffMsysPaginationQuery", "27712934271665380"}
	opRequests     = operation{"requests", "PolarisDirectMessageRequestQuery", "27512223021750545"}
	opThread       = operation{"thread", "IGDThreadDetailQuery", "37117700834487428"}
	opMessages     = operation{"messages", "IGDMessageListOffMsysQuery", "27502152406082940"}
	opSendText     = operation{"send_text", "IGDirectTextSendMutation", "26911679871773184"}
	opSendMedia    = operation{"send_media", "IGDirectMediaSendMutation", "25766288509716264"}
	opEdit         = operation{"edit", "IGDirectEditMessageMutation", "32480262318254796"}
	opUnsend       = operation{"unsend", "IGDMessageUnsendDialogOffMsysMutation", "26948700068153789"}
	opReact        = operation{"react", "IGDirectReactionSendMutation", "24374451552236906"}
	opMarkRead     = operation{"mark_read", "useIGDMarkThreadAsReadMutation", "27356881703909995"}
	opMarkValidate = operation{"mark_read_validate", "useIGDMarkThreadAsReadValidationMutation", "35211594988486314"}
	opMarkUnread   = operation{"mark_unread", "IGDThreadListActionsMarkUnreadOptionOffMsysMutation", "25709394752070378"}
	opAccept       = operation{"accept", "useIGDirectAcceptMessageRequestMutation", "36571001125823973"}
	opDeleteThread = operation{"delete_thread", "IGDInboxInfoDeleteThreadDialogOffMsysMutation", "35352443081068612"}
	opMute         = operation{"mute", "IGDInboxInfoMuteToggleOffMsysMutation", "26360506043651125"}
	opPinThread    = operation{"pin_thread", "useIGDPinThreadMutation", "26491513390471063"}
	opProfile      = operation{"profile", "PolarisProfilePageContentQuery", "26672929172408668"}
	opUserByFBID   = operation{"user_by_fbid", "useIGDCreateOptimisticThreadUserQuery", "35274961328786258"}
	opSearch       = operation{"search", "IGDOmniPickerSearchResultsListQuery", "27248216181454285"}
	opDelta        = operation{"delta", "IGDSlideDeltaProcessorQuery", "28239922265610241"}
	opTyping       = operation{"typing", "IGDTypingIndicatorClientSubscription", "27563068933278040"}
	opCreateGroup  = operation{"create_group", "useCreateOpenGroupThreadOffMsysMutation", "27529949946640544"}
	opRename       = operation{"rename", "IGDEditThreadNameDialogOffMsysMutation", "26508340268868683"}
	opPinMessage   = operation{"pin_message", "useIGDPinMessageOffMsysMutation", "27027218840244998"}
	opUnpinMessage = operation{"unpin_message", "useIGDUnpinMessageOffMsysMutation", "26919110827778778"}
)

var operations = []operation{
	opInbox, opInboxPage, opRequests, opThread, opMessages, opSendText, opSendMedia, opEdit, opUnsend, opReact, opMarkRead,
	opMarkValidate, opMarkUnread, opAccept, opDeleteThread, opMute, opPinThread, opProfile, opUserByFBID, opSearch, opDelta,
	opTyping, opCreateGroup, opRename, opPinMessage, opUnpinMessage,
}

// DocumentNames are the keys that Config.Documents may have.
func DocumentNames() []string {
	names := make([]string, len(operations))
	for i, o := range operations {
		names[i] = o.name
	}
	return names
}
