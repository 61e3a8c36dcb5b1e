package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSightings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen sightings
		begin := time.Now()
		go func() {
			for _, body := range []string{"one", "three", "two", "one"} {
				time.Sleep(time.Second) // of the test's own clock
				seen.note("!room", body)
			}
		}()
		last, err := seen.awaitAll(t.Context(), []string{"one", "two", "three"})
		if err != nil {
			t.Fatal(err)
		}
		if took := last.Sub(begin); took != 3*time.Second {
			t.Errorf("the last text was seen after %s, want 3s", took)
		}
		first, err := seen.await(t.Context(), "one")
		if err != nil || first.time.Sub(begin) != time.Second || first.room != "!room" {
			t.Errorf("got %+v and %v, want the first sighting in !room after 1s", first, err)
		}
		count, last, err := seen.awaitQuiet(t.Context(), []string{"one", "two", "four"}, time.Hour)
		if err != nil || count != 2 || last.Sub(begin) != 3*time.Second || time.Since(begin) != time.Hour+3*time.Second {
			t.Errorf("got %d texts, the last after %s, and error %v after %s; want 2, the last after 3s, when an hour was quiet",
				count, last.Sub(begin), err, time.Since(begin))
		}
		if _, err = seen.await(t.Context(), "four"); err == nil || !strings.Contains(err.Error(), `"four"`) {
			t.Errorf("waiting for what never comes: got error %v, want one that names it", err)
		}
	})
}

func TestMiddles(t *testing.T) {
	numbers := make([]int64, 200)
	for i := range numbers {
		numbers[i] = int64(200 - i)
	}
	if got := median(numbers); got != 101 {
		t.Errorf("median of 1 to 200 is %d, want 101", got)
	}
	if got := quantile99(numbers); got != 198 {
		t.Errorf("99 %% of 1 to 200 are at most %d, want 198", got)
	}
	if got := quantile99([]int64{7}); got != 7 {
		t.Errorf("99 %% of a 7 alone are at most %d, want 7", got)
	}
}
