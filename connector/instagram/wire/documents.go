package wire

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"crosschat/connector/metaweb/web"
)

// document answers the id to call an operation by: from the config, found since in the site's programs, or built in.
func (c *Client) document(op operation) string {
	if id := c.cfg.Documents[op.name]; id != "" {
		return id
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if id := c.state.Documents[op.name]; id != "" {
		return id
	}
	return op.id
}

// findNewer looks for the id of an operation whose id is not taken any more. It is false if there is no other, or the config
// rules.
func (c *Client) findNewer(ctx context.Context, op operation, stale string) (string, bool) {
	if id := c.document(op); id != stale {
		return id, true // somebody else has found it
	}
	if c.cfg.Documents[op.name] != "" || !c.cfg.FindDocuments {
		return "", false
	}
	c.findDocuments(ctx)
	id := c.document(op)
	if id == stale {
		return "", false
	}
	c.log.Info().Str("operation", op.name).Str("document_id", id).Msg("Newer document found in the site's programs")
	return id, true
}

// newerDocument is findNewer, and alerts the handler, once, if there is none.
func (c *Client) newerDocument(ctx context.Context, op operation, stale string) (string, bool) {
	id, ok := c.findNewer(ctx, op, stale)
	if ok || ctx.Err() != nil {
		return id, ok
	}
	c.mu.Lock()
	told := c.alerted[op.name] == stale
	c.alerted[op.name] = stale
	c.mu.Unlock()
	if !told {
		c.log.Error().Str("operation", op.name).Str("document_id", stale).
			Msg("Instagram has retired a document; set its new id in the config")
		c.handler.Alert(Alert{Kind: AlertStaleDocument, Operation: op.name, DocumentID: stale})
	}
	return "", false
}

// findDocuments reads the ids in the programs of the session page. It does nothing if it did so lately: one visit shows all.
func (c *Client) findDocuments(ctx context.Context) {
	c.finding.Lock()
	defer c.finding.Unlock()
	c.mu.Lock()
	s, early := c.site, time.Since(c.searched) < c.cfg.ReloadInterval
	c.mu.Unlock()
	if early {
		return
	}
	// The page as it is now names the programs as they are now. If it is too soon to load it, an older one must do.
	if fresh, err := c.loadAgain(ctx, s, "document has been retired"); err == nil {
		s = fresh
	} else {
		c.forgetReload("document has been retired")
	}
	if s == nil || ctx.Err() != nil {
		return
	}
	found := c.searchPrograms(ctx, s.scripts)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.searched = time.Now()
	if len(found) > 0 {
		documents := make(map[string]string, len(found))
		for name, id := range c.state.Documents {
			documents[name] = id
		}
		for name, id := range found {
			documents[name] = id
		}
		c.state.Documents, c.state.DocumentsFor = documents, s.Revision
	}
}

// forgetReload takes back that the page should be loaded again for a reason that can do without.
func (c *Client) forgetReload(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reload == reason {
		c.reload = ""
	}
}

// searchPrograms fetches programs until all ids are found, and answers those by operation.
func (c *Client) searchPrograms(ctx context.Context, addresses []string) map[string]string {
	found := make(map[string]string)
	for _, address := range addresses {
		if len(found) == len(operations) || ctx.Err() != nil {
			break
		}
		u, err := url.Parse(address)
		if err != nil || !web.HostIn(u.Hostname(), c.cfg.ScriptHosts) {
			continue
		}
		header := http.Header{}
		for name, value := range map[string]string{
			"Accept": "*/*", "Referer": c.cfg.Site + "/", "Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "cors",
			"Sec-Fetch-Site": "cross-site",
		} {
			header.Set(name, value)
		}
		response, err := c.web.Do(ctx, web.Request{URL: address, Anonymous: true, Header: header})
		if err != nil {
			c.log.Debug().Err(err).Msg("A program of the site could not be fetched")
			continue // another one may have it
		}
		readDocuments(response.Body, found)
	}
	return found
}

// documentID is how an id stands in a program, not far behind its module's name (section 6.1).
var documentID = regexp.MustCompile(`["'](\d{15,20})["']`)

const documentDistance = 180

// readDocuments adds the ids in a program to those that were found.
func readDocuments(program []byte, found map[string]string) {
	for _, op := range operations {
		if found[op.name] != "" {
			continue
		}
		module := []byte(op.friendly + "_instagramRelayOperation")
		for rest := program; ; {
			at := bytes.Index(rest, module)
			if at < 0 {
				break
			}
			rest = rest[at+len(module):]
			if match := documentID.FindSubmatch(rest[:min(len(rest), documentDistance)]); match != nil {
				found[op.name] = string(match[1])
				break
			}
		}
	}
}
