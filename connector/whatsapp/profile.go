package whatsapp

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/jsontime"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/networkid"
	"maunium.net/go/mautrix/bridgev2/simplevent"

	"crosschat/connector/convert"
	crosschatdb "crosschat/database"
)

const (
	// avatarAge is after how long a picture is asked for again although nobody told of a new one.
	avatarAge = 24 * time.Hour
	// avatarTimeout bounds the wait for a picture, during which the chat waits.
	avatarTimeout = 15 * time.Second
	// noPushName is what WhatsApp sends for people who have set none.
	noPushName = "-"
)

// GetUserInfo implements bridgev2.NetworkAPI. It is asked with each message, so it answers from the store; only the
// picture is fetched, and rarely.
func (c *Client) GetUserInfo(ctx context.Context, ghost *bridgev2.Ghost) (*bridgev2.UserInfo, error) {
	jid, err := parseID(ghost.ID)
	if err != nil {
		return nil, err
	}
	if c.wa == nil {
		return nil, bridgev2.ErrNotLoggedIn
	}
	info := c.nameInfo(ctx, ghost, jid)
	if meta := ghostMeta(ghost); time.Since(meta.AvatarCheckedAt.Time) > avatarAge && c.online.Open() {
		c.addAvatar(ctx, ghost, jid, info)
	}
	return info, nil
}

func (c *Client) nameInfo(ctx context.Context, ghost *bridgev2.Ghost, jid types.JID) *bridgev2.UserInfo {
	info := &bridgev2.UserInfo{Identifiers: c.identifiers(ctx, jid)}
	name := c.publicName(ctx, jid)
	if name == "" && ghost.Name == "" {
		name = c.numberName(ctx, jid)
	}
	if name != "" {
		info.Name = &name
	}
	return info
}

// publicName is the name a person has given themself, "" if we do not know it.
func (c *Client) publicName(ctx context.Context, jid types.JID) string {
	if jid == c.self && c.wa.Store.PushName != "" {
		return convert.Clean(c.wa.Store.PushName)
	}
	business := ""
	for _, address := range c.addresses(ctx, jid) {
		contact, err := c.wa.Store.Contacts.GetContact(ctx, address)
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Msg("Could not look up a contact")
			continue
		}
		if contact.PushName != "" && contact.PushName != noPushName {
			return convert.Clean(contact.PushName)
		}
		if business == "" {
			business = convert.Clean(contact.BusinessName)
		}
	}
	return business
}

// numberName stands in for a name: the phone number, or the LID where that is all there is.
func (c *Client) numberName(ctx context.Context, jid types.JID) string {
	if c.network.Config.HidePhoneNumbers {
		return "WhatsApp user"
	}
	for _, address := range c.addresses(ctx, jid) {
		if address.Server == types.DefaultUserServer {
			return "+" + address.User
		}
	}
	return jid.User
}

func (c *Client) identifiers(ctx context.Context, jid types.JID) []string {
	ids := []string{}
	if c.network.Config.HidePhoneNumbers {
		return ids
	}
	for _, address := range c.addresses(ctx, jid) {
		if address.Server == types.DefaultUserServer {
			ids = append(ids, "tel:+"+address.User)
		}
	}
	return ids
}

// addresses are the one given and, if known, the other one of the same person.
func (c *Client) addresses(ctx context.Context, jid types.JID) []types.JID {
	alt, err := c.wa.Store.GetAltJID(ctx, jid)
	if other, ok := person(alt); err == nil && ok {
		return []types.JID{jid, other}
	}
	return []types.JID{jid}
}

// learnName stores the name a message came with before the message is bridged. whatsmeow does so too, but at its own
// time, and the room would first show a number.
func (c *Client) learnName(info *types.MessageInfo) {
	if info.IsFromMe || info.PushName == "" || info.PushName == noPushName {
		return
	}
	for _, jid := range []types.JID{info.Sender, info.SenderAlt} {
		if p, ok := person(jid); ok {
			if _, _, err := c.wa.Store.Contacts.PutPushName(c.ctx, p, info.PushName); err != nil {
				c.log.Warn().Err(err).Msg("Could not store a name")
			}
		}
	}
}

// onPushName is a name that came otherwise than with a message we bridge.
func (c *Client) onPushName(evt *events.PushName) {
	c.updateGhost(evt.JID, evt.JIDAlt, c.nameInfo)
}

// onPicture is a new profile picture, or one that went.
func (c *Client) onPicture(evt *events.Picture) {
	if isGroup(evt.JID) {
		c.onGroupPicture(evt)
		return
	}
	c.updateGhost(evt.JID, types.EmptyJID, func(ctx context.Context, ghost *bridgev2.Ghost, jid types.JID) *bridgev2.UserInfo {
		info := &bridgev2.UserInfo{}
		c.addAvatar(ctx, ghost, jid, info)
		return info
	})
}

// updateGhost changes a ghost that exists. It is done in turn with the messages of its chat, which update the ghost, too:
// two updates at once would show the room's members states that never were.
func (c *Client) updateGhost(address, alt types.JID, info func(context.Context, *bridgev2.Ghost, types.JID) *bridgev2.UserInfo) {
	jid, ok := c.peer(c.ctx, address, alt)
	if !ok {
		return
	}
	update := func(ctx context.Context) {
		ghost, err := c.network.bridge.GetExistingGhostByID(ctx, mustID[networkid.UserID](jid))
		if err != nil {
			c.fault(err, "Could not load a ghost to update it")
		} else if ghost != nil {
			ghost.UpdateInfo(ctx, info(ctx, ghost, jid))
		}
	}
	key := c.portalKey(jid)
	if portal, err := c.network.bridge.GetExistingPortalByKey(c.ctx, key); err != nil || portal == nil || portal.MXID == "" {
		c.goDo("profile", func() { update(c.ctx) })
		return
	}
	c.login.QueueRemoteEvent(&simplevent.EventMeta{
		Type:          bridgev2.RemoteEventUnknown, // nothing but the function is handled
		PortalKey:     key,
		PreHandleFunc: func(ctx context.Context, _ *bridgev2.Portal) { update(ctx) },
	})
}

// addAvatar asks for the profile picture and adds it to info if it is another than the ghost has. A failure leaves the
// picture as it is; it is an ornament.
func (c *Client) addAvatar(ctx context.Context, ghost *bridgev2.Ghost, jid types.JID, info *bridgev2.UserInfo) {
	avatar, answered := c.picture(ctx, jid, ghost.AvatarID)
	if !answered {
		return
	}
	info.Avatar = avatar
	info.ExtraUpdates = func(_ context.Context, ghost *bridgev2.Ghost) bool {
		ghostMeta(ghost).AvatarCheckedAt = jsontime.UnixNow()
		return true
	}
}

// picture asks for the picture of a person or a group. The avatar is nil if it is still the known one, or nobody's
// business; answered is false if WhatsApp did not tell.
func (c *Client) picture(ctx context.Context, jid types.JID, known networkid.AvatarID) (avatar *bridgev2.Avatar, answered bool) {
	ctx, cancel := c.bound(ctx, avatarTimeout)
	defer cancel()
	picture, err := c.wa.GetProfilePictureInfo(ctx, jid, &whatsmeow.GetProfilePictureParams{ExistingID: string(known)})
	switch {
	case errors.Is(err, whatsmeow.ErrProfilePictureNotSet):
		return &bridgev2.Avatar{Remove: true}, true
	case errors.Is(err, whatsmeow.ErrProfilePictureUnauthorized), err == nil && picture == nil:
		return nil, true
	case err != nil:
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Could not ask for a profile picture")
		return nil, false
	}
	data, err := c.wa.DownloadMediaWithOnlyPath(ctx, picture.DirectPath)
	if err != nil {
		zerolog.Ctx(ctx).Debug().Err(err).Msg("Could not download a profile picture")
		return nil, false
	}
	return &bridgev2.Avatar{
		ID:  networkid.AvatarID(picture.ID),
		Get: func(context.Context) ([]byte, error) { return data, nil },
	}, true
}

// ghostMeta is our part of a ghost's metadata, made if need be.
func ghostMeta(ghost *bridgev2.Ghost) *crosschatdb.WhatsAppGhost {
	meta, ok := ghost.Metadata.(*crosschatdb.GhostMetadata)
	if !ok {
		meta = &crosschatdb.GhostMetadata{}
		ghost.Metadata = meta
	}
	if meta.WhatsApp == nil {
		meta.WhatsApp = &crosschatdb.WhatsAppGhost{}
	}
	return meta.WhatsApp
}
