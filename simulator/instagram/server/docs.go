package server

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"crosschat/simulator/instagram/page"
)

// pv is what provider variables begin and end with.
func pv(name string) string { return "__relay_internal__pv__" + name + "relayprovider" }

// operation is one persisted operation: how it is called and what it must be given (sections 6.1 and following).
type operation struct {
	key   string // short name, in the log and for faults
	name  string // friendly name
	doc   string // id until it is rotated
	root  string // field of data that holds the result
	needs []string
	run   func(c *call) (any, error)
}

// document is an id that clients may name.
type document struct {
	op      *operation
	needs   []string // what this version needs besides the operation's
	retired bool
}

// documents are all ids, and which one of each operation the bundles name. It is behind Direct's lock.
type documents struct {
	byID    map[string]*document
	current map[string]string // by key
	lazy    map[string]bool   // keys that no bundle of the session page names
	version int
}

func newDocuments() *documents {
	d := &documents{byID: map[string]*document{}, current: map[string]string{}, lazy: map[string]bool{}}
	for _, op := range operations() {
		d.byID[op.doc] = &document{op: op}
		d.current[op.key] = op.doc
	}
	return d
}

// rotate gives an operation, named by key or friendly name, a new id. The old one stops to work unless keep is set. A lazy
// one is in no bundle. needs are variables that the new version wants in addition.
func (d *documents) rotate(which string, keep, lazy bool, needs []string) (string, error) {
	for _, op := range operations() {
		if op.key != which && op.name != which {
			continue
		}
		id := fmt.Sprint(20000000000000000 + rand.Int64N(19999999999999999))
		d.byID[d.current[op.key]].retired = !keep
		d.byID[id] = &document{op: op, needs: needs}
		d.current[op.key], d.lazy[op.key] = id, lazy
		d.version++
		return id, nil
	}
	return "", fmt.Errorf("no operation is called %q", which)
}

// subscription says whether id is a valid document of a subscription.
func (d *documents) subscription(key, id string) bool {
	doc := d.byID[id]
	return doc != nil && !doc.retired && doc.op.key == key
}

// The bundles: one is named in the page's elements, the other only in the bootloader's map.
const (
	bundlePath   = "/rsrc.php/v4/"
	bundleLinked = "linked"
	bundleLoaded = "loaded"
)

// bundleURL is where a bundle is; it changes with its content.
func (d *documents) bundleURL(which string) string {
	return fmt.Sprintf("https://%s%sy%d/r/%s.js", hostStatic, bundlePath, d.version, which)
}

// bundle writes one of the bundles. Which operations are in it depends on their names only.
func (d *documents) bundle(path string) ([]byte, bool) {
	for _, which := range []string{bundleLinked, bundleLoaded} {
		if !strings.HasSuffix(path, "/"+which+".js") {
			continue
		}
		ids := map[string]string{}
		for _, op := range operations() {
			h := fnv.New32()
			h.Write([]byte(op.name)) //nolint:errcheck // never fails
			if (h.Sum32()%2 == 0) == (which == bundleLinked) && !d.lazy[op.key] {
				ids[op.name] = d.current[op.key]
			}
		}
		return page.Bundle(ids), true
	}
	return nil, false
}

// operations is the table of section 6.1. It is built anew for each caller, so that nobody can change it.
func operations() []*operation {
	maxUnread, pins, actions := pv("IGDMaxUnreadMessagesCount"), pv("IGDPinnedThreadsRenderEnabledGK"), pv("IGDThreadListActionsEnabledGK")
	label, count := pv("PolarisAIGMAccountLabelEnabled"), pv("IGDInitialMessagePageCount")
	return []*operation{
		{"inbox", "PolarisDirectInboxQuery", "27262915580045003", "get_slide_mailbox_for_iris_subscription", []string{
			"device_id_for_iris_subscription", pv("IGDIsProfessionalAccountGK"), pins, maxUnread, label, actions,
		}, (*call).inbox},
		{"inboxPage", "IGDThreadListOffMsysPaginationQuery", "27712934271665380", "fetch__SlideMailbox", []string{
			"count", "cursor", "folder", "newer_than_timestamp_ms", "id", pins, maxUnread, label, actions,
		}, (*call).inboxPage},
		{"requests", "PolarisDirectMessageRequestQuery", "27512223021750545", "get_slide_mailbox_for_iris_subscription", []string{
			"device_id_for_iris_subscription", pv("IGD30DayAgoTimestampMs"), pins, maxUnread, actions, label,
		}, (*call).requests},
		{"thread", "IGDThreadDetailQuery", "37117700834487428", "get_slide_thread_nullable", []string{
			"thread_fbid", "min_uq_seq_id", pv("IGDEnableOffMsysChatThemesQE"), count, label,
		}, (*call).thread},
		{"messages", "IGDMessageListOffMsysQuery", "27502152406082940", "fetch__SlideThread", []string{
			"id", "after", "before", "first", "last", "newer_than_message_id", "older_than_message_id", count,
		}, (*call).messages},
		{"sendText", "IGDirectTextSendMutation", "26911679871773184", "xig_direct_text_send_with_slide_messaging_response", []string{
			"ig_thread_igid", "recipient_igids", "offline_threading_id", "text", "reply_to_message_id", "mentions",
			"mentioned_user_ids", "commands", "send_attribution", "replied_to_client_context", "replied_to_item_id", "sampled",
			"forwarded_from_thread_id", "is_forwarded_from_own_message",
		}, (*call).sendText},
		{"sendMedia", "IGDirectMediaSendMutation", "25766288509716264", "xig_direct_media_send_with_slide_messaging_response", []string{
			"attachment_fbid", "thread_id", "offline_threading_id", "reply_to_message_id", "forwarded_from_thread_id",
			"is_forwarded_from_own_message",
		}, (*call).sendMedia},
		{"edit", "IGDirectEditMessageMutation", "32480262318254796", "direct_edit_message_with_slide_messaging_response", []string{
			"thread_id", "target_item_id", "target_message_id", "body", "offline_threading_id",
		}, (*call).edit},
		{"unsend", "IGDMessageUnsendDialogOffMsysMutation", "26948700068153789", "direct_unsend_message", []string{
			"message_id", "send_data",
		}, (*call).unsend},
		{"react", "IGDirectReactionSendMutation", "24374451552236906",
			"xig_direct_reaction_send_with_slide_messaging_response", []string{"input"}, (*call).react},
		{"markRead", "useIGDMarkThreadAsReadMutation", "27356881703909995",
			"xig_direct_item_seen_mutation_with_slide_messaging_response", []string{"metadata", "data"}, (*call).markRead},
		{"markReadValidate", "useIGDMarkThreadAsReadValidationMutation", "35211594988486314",
			"xig_direct_mark_read_id_validation", []string{"metadata", "data"}, (*call).markReadValidate},
		{"markUnread", "IGDThreadListActionsMarkUnreadOptionOffMsysMutation", "25709394752070378",
			"xig_direct_mark_thread_unread", []string{"thread_fbid", "marked"}, (*call).markUnread},
		{"accept", "useIGDirectAcceptMessageRequestMutation", "36571001125823973", "ig_direct_accept_message_request", []string{
			"thread_fbid", "ig_inbox_folder", "offline_threading_id",
		}, (*call).accept},
		{"deleteThread", "IGDInboxInfoDeleteThreadDialogOffMsysMutation", "35352443081068612", "ig_direct_hide_thread", []string{
			"thread_fbid", "should_move_future_requests_to_spam",
		}, (*call).deleteThread},
		{"mute", "IGDInboxInfoMuteToggleOffMsysMutation", "26360506043651125", "xig_direct_mute_thread_with_fbid", []string{
			"thread_fbid", "mute_seconds", "offline_threading_id",
		}, (*call).mute},
		{"pinThread", "useIGDPinThreadMutation", "26491513390471063", "xig_direct_pin_thread",
			[]string{"thread_fbid", "pin"}, (*call).pinThread},
		{"profile", "PolarisProfilePageContentQuery", "26672929172408668", "", []string{
			"id", "enable_integrity_filters", pv("PolarisCannesGuardianExperienceEnabled"), pv("PolarisCASB976ProfileEnabled"),
			pv("PolarisWebSchoolsEnabled"), pv("PolarisRepostsConsumptionEnabled"),
		}, (*call).profile},
		{"userByFbid", "useIGDCreateOptimisticThreadUserQuery", "35274961328786258", "xig_user_from_messaging_user_fbid",
			[]string{"messaging_user_fbid"}, (*call).userByFbid},
		{"search", "IGDOmniPickerSearchResultsListQuery", "27248216181454285", "xfb_combinedIGSearchQuery",
			[]string{"search_text"}, (*call).search},
		{"createGroup", "useCreateOpenGroupThreadOffMsysMutation", "27529949946640544", "xig_ig_direct_create_thread", []string{
			"recipient_eimu_fbids", "offline_threading_id", "entry_point",
		}, (*call).createGroup},
		{"renameGroup", "IGDEditThreadNameDialogOffMsysMutation", "26508340268868683", "xig_direct_edit_thread_name",
			[]string{"thread_fbid", "new_title"}, (*call).renameGroup},
		{"pinMessage", "useIGDPinMessageOffMsysMutation", "27027218840244998", "xig_direct_pin_message",
			[]string{"thread_fbid", "message_id"}, (*call).pinMessage},
		{"unpinMessage", "useIGDUnpinMessageOffMsysMutation", "26919110827778778", "xig_direct_unpin_message",
			[]string{"thread_fbid", "message_id"}, (*call).unpinMessage},
		// Subscriptions, which only sockets name.
		{"delta", "IGDSlideDeltaProcessorQuery", "28239922265610241", "", nil, nil},
		{"typing", "IGDTypingIndicatorClientSubscription", "27563068933278040", "", nil, nil},
	}
}
