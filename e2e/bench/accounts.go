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
			"accounts that came. Logging in: the time for one, several at once.",
		run: measureAccounts,
	}
}

func measureAccounts(ctx context.Context, s *stage) (table, error) {
	result := table{{"network", "accounts", "resident", "logging in", "for each more"}}
	for _, set := range []struct {
		net    network
		counts []int
	}{{whatsApp, []int{0, 1, 50, 200}}, {messenger, []int{0, 1, 25, 50}}} {
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
	there, before := 0, int64(0)
	for i, count := range counts {
		if count > 1 {
			count = max(there+1, s.count(count))
		}
		begin := time.Now()
		if err = s.crowd(ctx, net, there, count); err != nil {
			return nil, err
		}
		took := time.Since(begin)
		now, err := s.settled(ctx)
		if err != nil {
			return nil, err
		}
		row := []string{net.title, fmt.Sprint(count), mebi(now), "", ""}
		if i > 0 {
			row[3], row[4] = milli(took/time.Duration(count-there)), mebi((now-before)/int64(count-there))
		}
		rows = append(rows, row)
		there, before = count, now
	}
	if s.profiles != "" {
		if err = s.keepProfile(ctx, "heap", net.title+", heap"); err != nil {
			return nil, err
		}
	}
	return rows, s.stop()
}

// crowd logs accounts in, a few at a time, from the one with the number from up to the one before to.
func (s *stage) crowd(ctx context.Context, net network, from, to int) error {
	next, results := make(chan int), make(chan error)
	for range loginsAtOnce {
		go func() {
			var err error
			for i := range next {
				if err == nil { // else only drain
					err = s.oneOfCrowd(ctx, net, i)
				}
			}
			results <- err
		}()
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	var err error
	for range loginsAtOnce {
		err = errors.Join(err, <-results)
	}
	return err
}

func (s *stage) oneOfCrowd(ctx context.Context, net network, number int) error {
	a, err := s.newAccount(ctx, net, fmt.Sprintf("user%d", number))
	if err != nil {
		return err
	}
	_, err = s.newChat(ctx, a, fmt.Sprintf("Friend of user %d", number))
	return err
}
