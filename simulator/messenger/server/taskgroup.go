package server

import (
	"crosschat/simulator/messenger/lightspeed"
	"crosschat/simulator/messenger/world"
)

// group finds a group that the task names and the account is in.
func (c *taskCall) group(key int64) (*world.View, error) {
	return onlyGroup(c.view(key))
}

// inGroup is inThread for a group.
func (c *taskCall) inGroup(into any, group *int64, required ...string) (*world.View, error) {
	return onlyGroup(c.inThread(into, group, required...))
}

func onlyGroup(v *world.View, err error) (*world.View, error) {
	if err == nil && !v.Thread.Group {
		return nil, refuse("This is not a group.")
	}
	return v, err
}

func (c *taskCall) createGroup() ([]lightspeed.Call, error) {
	var p struct {
		Participants []int64 `json:"participants"`
		Send         struct {
			Thread int64  `json:"thread_id"`
			OTID   string `json:"otid"`
			Source int64  `json:"source"`
			Type   int64  `json:"send_type"`
		} `json:"send_payload"`
	}
	if err := c.read(&p, "", "participants", "send_payload"); err != nil {
		return nil, err
	}
	if err := c.queueIs(person(p.Send.Thread)); err != nil {
		return nil, err
	}
	var members []*world.Person
	for _, id := range p.Participants {
		other := c.server.world.Person(id)
		if other == nil {
			return []lightspeed.Call{lightspeed.IssueNewError(c.task.ID, 1545041, "Can't create group", "A person does not exist.")}, nil
		}
		members = append(members, other)
	}
	t := c.server.world.NewGroup(c.account.Person, "", members)
	c.server.announce(t)
	return []lightspeed.Call{lightspeed.NewGroupThread(p.Send.Thread, t.ID)}, nil
}

func (c *taskCall) addMember() ([]lightspeed.Call, error) {
	var p struct {
		Thread   int64   `json:"thread_key"`
		Contacts []int64 `json:"contact_ids"`
		Group    int64   `json:"sync_group"`
	}
	v, err := c.inGroup(&p, &p.Thread, "thread_key", "contact_ids", "sync_group")
	if err != nil {
		return nil, err
	}
	for _, id := range p.Contacts {
		other := c.server.world.Person(id)
		if other == nil {
			return nil, refuse("This person does not exist.")
		}
		c.server.join(c.account, v.Thread, other)
	}
	return nil, nil
}

func (c *taskCall) removeMember() ([]lightspeed.Call, error) {
	var p struct {
		Thread  int64 `json:"thread_id"`
		Contact int64 `json:"contact_id"`
	}
	if err := c.read(&p, "remove_participant_v2", "thread_id", "contact_id"); err != nil {
		return nil, err
	}
	v, err := c.group(p.Thread)
	if err != nil {
		return nil, err
	}
	if p.Contact != c.account.ID && !v.Thread.Admins[c.account.ID] {
		return nil, refuse("Only admins can remove people.")
	}
	other := c.server.world.Person(p.Contact)
	if other == nil || !c.server.leave(c.account, v.Thread, other) {
		return nil, refuse("This person is not in the group.")
	}
	return nil, nil
}

func (c *taskCall) setAdmin() ([]lightspeed.Call, error) {
	var p struct {
		Thread  int64 `json:"thread_key"`
		Contact int64 `json:"contact_id"`
		Admin   int64 `json:"is_admin"`
	}
	if err := c.read(&p, "admin_status", "thread_key", "contact_id", "is_admin"); err != nil {
		return nil, err
	}
	v, err := c.group(p.Thread)
	if err != nil {
		return nil, err
	}
	if !v.Thread.Admins[c.account.ID] || v.Thread.View(p.Contact) == nil {
		return nil, refuse("Only admins can change admins.")
	}
	c.server.setAdmin(v.Thread, p.Contact, p.Admin == 1)
	return nil, nil
}

func (c *taskCall) rename() ([]lightspeed.Call, error) {
	var p struct {
		Thread int64  `json:"thread_key"`
		Name   string `json:"thread_name"`
		Group  int64  `json:"sync_group"`
	}
	v, err := c.inGroup(&p, &p.Thread, "thread_key", "thread_name", "sync_group")
	if err != nil {
		return nil, err
	}
	c.server.rename(c.account, v.Thread, p.Name)
	return nil, nil
}

func (c *taskCall) setImage() ([]lightspeed.Call, error) {
	var p struct {
		Thread int64 `json:"thread_key"`
		Image  int64 `json:"image_id"`
		Group  int64 `json:"sync_group"`
	}
	if err := c.read(&p, "thread_image", "thread_key", "image_id", "sync_group"); err != nil {
		return nil, err
	}
	v, err := c.group(p.Thread)
	if err != nil {
		return nil, err
	}
	image := c.server.uploads(c.account, p.Image)
	if image == nil {
		return nil, refuse("The picture could not be found.")
	}
	c.server.setImage(c.account, v.Thread, image.File)
	return nil, nil
}
