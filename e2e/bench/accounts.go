package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// loginsAtOnce is how many log in at the same time.
const loginsAtOnce = 4

func accountsBenchmark() benchmark {
	return benchmark{
		name:  "accounts",
		title: "Memory for accounts",
		about: "The bridge's resident memory with so many accounts logged in and quiet, each of a Matrix user of their own, each with one " +
			"chat; after its garbage was collected and given back. The last column is the growth since the row above, divided by the " +
			"accounts that came. Logging in: the time for one, several at once; in the last row of a network, from the start of the " +
			"bridge until all of its accounts are connected again.",
		run: measureAccounts,
	}
}

func measureAccounts(ctx context.Context, s *stage) (table, error) {
	result := table{{"network", "accounts", "resident", "logging in", "for each more"}}
	for _, set := range []struct {
		net    network
		counts []int
	}{{whatsApp, []int{0, 1, 50, 200}}, {messenger, []int{0, 1, 25, 50}}, {instagram, []int{0, 1, 25, 50}}} {
		rows, err := s.memoryOf(ctx, set.net, set.counts)
		if err != nil {
			return nil, err
		}
		result = append(result, rows...)
	}
	return result, nil
}

// memoryOf logs more and more accounts of a network in, up to each of counts, and measures in between.
func (s *stage) memoryOf(ctx context.Context, net network, counts []int) (rows [][]string, err error) {
	if err = s.startStub(ctx, nil); err != nil {
		return nil, err
	}
	var there []*account
	before := int64(0)
	for i, count := range counts {
		if count > 1 {
			count = max(len(there)+1, s.count(count))
		}
		begin := time.Now()
		more, err := s.crowd(ctx, net, len(there), count)
		if err != nil {
			return nil, err
		}
		took := time.Since(begin)
		now, err := s.settled(ctx)
		if err != nil {
			return nil, err
		}
		row := []string{net.title, fmt.Sprint(count), mebi(now), "", ""}
		if i > 0 {
			row[3], row[4] = milli(took/time.Duration(len(more))), mebi((now-before)/int64(len(more)))
		}
		rows = append(rows, row)
		there, before = append(there, more...), now
	}
	row, err := s.afterRestart(ctx, net, there)
	if err != nil {
		return nil, err
	}
	rows = append(rows, row)
	if s.profiles != "" {
		if err = s.keepProfile(ctx, "heap", net.title+", heap"); err != nil {
			return nil, err
		}
	}
	return rows, s.stop()
}

// afterRestart starts the bridge anew and measures when all accounts are connected.
func (s *stage) afterRestart(ctx context.Context, net network, accounts []*account) ([]string, error) {
	if err := s.stack.Bridge.Stop(); err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := s.stack.Bridge.Start(ctx); err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if err := s.awaitConnected(ctx, a); err != nil {
			return nil, err
		}
	}
	took := time.Since(begin)
	now, err := s.settled(ctx)
	return []string{net.title, fmt.Sprintf("%d, restarted", len(accounts)), mebi(now), "all " + took.Round(10*time.Millisecond).String(), ""}, err
}

// crowd logs accounts in, a few at a time, from the one with the number from up to the one before to.
func (s *stage) crowd(ctx context.Context, net network, from, to int) ([]*account, error) {
	type result struct {
		accounts []*account
		err      error
	}
	next, results := make(chan int), make(chan result)
	for range loginsAtOnce {
		go func() {
			var r result
			for i := range next {
				if r.err != nil {
					continue // only drain
				}
				var a *account
				a, r.err = s.oneOfCrowd(ctx, net, i)
				r.accounts = append(r.accounts, a)
			}
			results <- r
		}()
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	var all []*account
	var err error
	for range loginsAtOnce {
		r := <-results
		all, err = append(all, r.accounts...), errors.Join(err, r.err)
	}
	return all, err
}

func (s *stage) oneOfCrowd(ctx context.Context, net network, number int) (*account, error) {
	a, err := s.newAccount(ctx, net, fmt.Sprintf("user%d", number))
	if err != nil {
		return nil, err
	}
	_, err = s.newChat(ctx, a, fmt.Sprintf("Friend of user %d", number))
	return a, err
}
