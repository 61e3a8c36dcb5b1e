package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crosschat/e2e/lab"
	"crosschat/simulator/control"
)

// operated is a chat through a bridge whose surroundings fail, with what an admin sees of it.
type operated struct {
	*stage
	anna  *person
	room  *roomOf
	admin string   // where metrics and health are
	sent  []string // by Anna
	wrote []string // by the user
}

// operate starts a stack of the test's own, on which things may be broken, and a chat on it.
func operate(t *testing.T, setting lab.Setting, side side) *operated {
	t.Helper()
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	shared := &lazyStack{t: t, setting: setting, set: map[string]string{"network.monitoring.listen": address}}
	o := &operated{stage: newStage(t, shared.get(t), side, "operated"), admin: "http://" + address}
	o.patient(time.Minute)
	o.anna = o.newPerson(control.NewPerson{Name: "Anna"})
	o.logIn()
	o.room = o.greeted(o.anna)
	o.settled(o.room.Room)
	return o
}

// annaWrites has Anna send texts.
func (o *operated) annaWrites(n int) {
	o.Helper()
	for range n {
		text := o.text("in")
		o.anna.writes(o.me, text)
		o.sent = append(o.sent, text)
	}
}

// userWrites has the user send texts from Matrix.
func (o *operated) userWrites(n int) {
	o.Helper()
	for range n {
		text := o.text("out")
		_, err := o.room.SendText(o.ctx, text)
		o.must(err)
		o.wrote = append(o.wrote, text)
	}
}

// mustHaveAll waits until each side has what the other sent, in order and once.
func (o *operated) mustHaveAll() {
	o.Helper()
	o.await("every text on both sides, in order and once", func(context.Context) error {
		inRoom := texts(o.room.Room, o.anna.mxid)[1:] // without the greeting
		onPhone := o.anna.textsFrom(o.me)
		if !slices.Equal(inRoom, o.sent) || !slices.Equal(onPhone, o.wrote) {
			return fmt.Errorf("the room has %d texts %q, want %d %q; the phone has %d %q, want %d %q",
				len(inRoom), inRoom, len(o.sent), o.sent, len(onPhone), onPhone, len(o.wrote), o.wrote)
		}
		return nil
	})
}

// ask reads a page of monitoring.
func (o *operated) ask(ctx context.Context, path string) (code int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.admin+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// awaitReady waits until the bridge says of itself that it is ready, or not; check looks at why.
func (o *operated) awaitReady(ready bool, why string, check func(checks map[string]string, warnings []string) bool) {
	o.Helper()
	o.await(fmt.Sprintf("the bridge to say ready=%t, %s", ready, why), func(ctx context.Context) error {
		code, body, err := o.ask(ctx, "/ready")
		if err != nil {
			return err
		}
		var health struct {
			Ready    bool
			Checks   map[string]string
			Warnings []string
		}
		if err = json.Unmarshal([]byte(body), &health); err != nil {
			return fmt.Errorf("read %q: %w", body, err)
		}
		if health.Ready != ready || (code == http.StatusOK) != ready || !check(health.Checks, health.Warnings) {
			return fmt.Errorf("it says %s with status %d", body, code)
		}
		if code, _, err = o.ask(ctx, "/live"); err != nil || code != http.StatusOK {
			return fmt.Errorf("it is not live: status %d, %w", code, err)
		}
		return nil
	})
}

func allFine(checks map[string]string, warnings []string) bool {
	return checks["start"] == "ok" && checks["homeserver"] == "ok" && checks["database"] == "ok" && len(warnings) == 0
}

// mustMeasure checks that a line of the metrics begins so, and its value.
func (o *operated) mustMeasure(metrics, line string, value float64) {
	o.Helper()
	for found := range strings.Lines(metrics) {
		var got float64
		if rest, ok := strings.CutPrefix(found, line+" "); ok {
			if _, err := fmt.Sscan(rest, &got); err != nil || got != value {
				o.Errorf("%s is %s, want %v", line, strings.TrimSpace(rest), value)
			}
			return
		}
	}
	o.Errorf("the metrics have no %s", line)
}

// TestOperations shows what an admin relies on: numbers that are right, health that means something, a stop that loses
// nothing, and a homeserver that may go away.
func TestOperations(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	o := operate(t, setting, whatsapp{})
	o.annaWrites(3)
	o.userWrites(2)
	o.mustHaveAll()
	o.metrics()
	o.awaitReady(true, "and why", allFine)
	o.stoppedAmidTraffic()
	o.withoutHomeserver()
	o.restartedHomeserver()
	o.withoutNetwork()
}

func (o *operated) metrics() {
	o.Helper()
	var metrics string
	o.await("metrics that say that nothing waits", func(ctx context.Context) error {
		code, body, err := o.ask(ctx, "/metrics")
		if err != nil || code != http.StatusOK || !strings.Contains(body, "\ncrosschat_ledger_waiting 0\n") {
			return fmt.Errorf("status %d, %w: %s", code, err, body)
		}
		metrics = body
		return nil
	})
	message := `crosschat_messages_total{direction="%s",kind="message",network="whatsapp",result="%s"}`
	o.mustMeasure(metrics, fmt.Sprintf(message, "in", "stored"), 4) // and the greeting
	o.mustMeasure(metrics, fmt.Sprintf(message, "out", "sent"), 2)
	o.mustMeasure(metrics, `crosschat_message_seconds_count{direction="in",network="whatsapp"}`, 4)
	o.mustMeasure(metrics, `crosschat_logins{network="whatsapp",state="CONNECTED"}`, 1)
	for _, stage := range []string{"transaction", "homeserver", "database"} {
		if !strings.Contains(metrics, `crosschat_stage_seconds_count{stage="`+stage+`"}`) {
			o.Errorf("the metrics have no stage %s", stage)
		}
	}
	for _, secret := range slices.Concat(o.said, o.secrets, []string{o.me.ID, o.anna.ID, o.user.ID.Localpart()}) {
		if strings.Contains(metrics, secret) {
			o.Errorf("the metrics tell %q", secret)
		}
	}
}

// stoppedAmidTraffic stops the bridge while texts go both ways, and starts it again.
func (o *operated) stoppedAmidTraffic() {
	o.Helper()
	o.annaWrites(15)
	o.userWrites(15)
	begun := time.Now()
	o.restart()
	o.Logf("the bridge stopped and was up again after %.1f s", time.Since(begun).Seconds())
	o.annaWrites(2)
	o.userWrites(2)
	o.mustHaveAll()
}

// withoutHomeserver takes the homeserver away while texts come in, and brings it back.
func (o *operated) withoutHomeserver() {
	o.Helper()
	o.announced = append(o.announced, "Failed to get versions")
	if o.stack.Setting.Encryption == lab.EncryptionSync {
		o.excused = append(o.excused, "/_matrix/client/v3/sync?filter=1&") // which the library asks for keys every ten seconds, and logs
	}
	o.must(o.stack.Homeserver.Stop())
	o.awaitReady(false, "since there is no homeserver", func(checks map[string]string, _ []string) bool {
		return checks["homeserver"] != "ok" && checks["database"] == "ok"
	})
	o.annaWrites(10)
	o.must(o.stack.Homeserver.Start(o.ctx))
	o.annaWrites(2)
	o.mustHaveAll()
	o.awaitReady(true, "again", allFine)
}

// restartedHomeserver restarts the homeserver while texts go both ways: it may not have handed over all that it had taken.
func (o *operated) restartedHomeserver() {
	o.Helper()
	if o.stack.Setting.Homeserver == lab.Dendrite {
		o.announced = append(o.announced, "Failed to send MSS event") // while it stops it answers with errors of its own
	}
	o.annaWrites(10)
	o.userWrites(15)
	o.must(o.stack.Homeserver.Restart(o.ctx))
	o.mustHaveAll()
	o.annaWrites(2)
	o.userWrites(2)
	o.mustHaveAll()
}

// withoutNetwork takes the network away: a warning, no more.
func (o *operated) withoutNetwork() {
	o.Helper()
	down := o.breaks(control.Fault{Kind: "http_status", Times: -1})
	o.breaks(control.Fault{Kind: "close", Person: o.me.ID})
	o.awaitReady(true, "with a warning", func(_ map[string]string, warnings []string) bool {
		return len(warnings) == 1 && strings.Contains(warnings[0], "1 login of whatsapp")
	})
	o.userWrites(3)
	o.must(o.stack.Simulator.RemoveFault(o.ctx, o.side.control(), down.ID))
	o.mustHaveAll()
	o.awaitReady(true, "without a warning", allFine)
}

// TestDatabaseRestart shows that the bridge lives through a restart of its PostgreSQL while texts go both ways.
func TestDatabaseRestart(t *testing.T) {
	t.Parallel()
	setting := settingFromEnv(t)
	setting.Database = "postgres"
	if _, err := lab.EnsurePostgres(t.Context(), say); err != nil {
		lab.Notice("a restart of the database: %v", err)
		t.SkipNow() // the notice has said so loudly
	}
	o := operate(t, setting, whatsapp{})
	// That the database is away is worth an error each time it is noticed.
	o.excused = append(o.excused, "pq: ", "connect: connection refused", "connection reset by peer", "driver: bad connection", "unexpected EOF", `"error":"EOF"`)
	o.annaWrites(5)
	o.userWrites(5)
	for range 2 {
		o.must(o.stack.RestartDatabase(o.ctx, func() {
			o.awaitReady(false, "since there is no database", func(checks map[string]string, _ []string) bool {
				return checks["database"] != "ok" && checks["homeserver"] == "ok"
			})
			o.annaWrites(5)
		}))
		o.userWrites(5)
	}
	o.mustHaveAll()
	o.awaitReady(true, "again", allFine)
}
