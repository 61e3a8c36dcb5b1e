package connector

import (
	"context"
	"fmt"
	"strings"

	"maunium.net/go/mautrix/bridgev2"

	"crosschat/connector/remoteid"
)

// GetLoginFlows implements bridgev2.NetworkConnector: all members' flows, their ids prefixed.
func (c *Connector) GetLoginFlows() []bridgev2.LoginFlow {
	var flows []bridgev2.LoginFlow
	for _, m := range c.members {
		for _, flow := range m.GetLoginFlows() {
			flow.ID = remoteid.Make[string](m.network, flow.ID)
			flow.Name = fmt.Sprintf("%s: %s", m.GetName().DisplayName, flow.Name)
			flows = append(flows, flow)
		}
	}
	return flows
}

// CreateLogin implements bridgev2.NetworkConnector.
func (c *Connector) CreateLogin(ctx context.Context, user *bridgev2.User, flowID string) (bridgev2.LoginProcess, error) {
	m, raw, ok := owner(c, flowID)
	if !ok {
		var known []string
		for _, flow := range c.GetLoginFlows() {
			known = append(known, flow.ID)
		}
		return nil, fmt.Errorf("%w %q: choose one of %s", bridgev2.ErrInvalidLoginFlowID, flowID, strings.Join(known, ", "))
	}
	return m.CreateLogin(ctx, user, raw)
}
