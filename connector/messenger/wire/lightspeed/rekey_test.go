package lightspeed

import (
	"reflect"
	"testing"
)

// Each row that names a thread is rekeyed, those added later too, and the table stays as it is.
func TestRekeyed(t *testing.T) {
	stays := map[string]bool{"HybridThreads": true, "Folders": true}
	table := new(Table)
	all := reflect.ValueOf(table).Elem()
	keyOf := func(row reflect.Value) reflect.Value {
		if key := row.FieldByName("ThreadKey"); key.IsValid() {
			return key
		}
		return row.FieldByName("Key")
	}
	for i := range all.NumField() {
		list := all.Field(i)
		list.Set(reflect.MakeSlice(list.Type(), 2, 2))
		if key := keyOf(list.Index(0)); key.IsValid() {
			key.SetInt(5555)
			keyOf(list.Index(1)).SetInt(7)
		}
	}
	got := reflect.ValueOf(table.Rekeyed(func(key int64) int64 {
		if key == 5555 {
			return 1003
		}
		return key
	})).Elem()
	keyed := 0
	for i := range all.NumField() {
		name := all.Type().Field(i).Name
		if key := keyOf(all.Field(i).Index(0)); !key.IsValid() {
			continue
		} else if key.Int() != 5555 {
			t.Errorf("%s of the table itself was changed", name)
		}
		keyed++
		want := int64(1003)
		if stays[name] {
			want = 5555
		}
		rows := got.Field(i)
		if first, second := keyOf(rows.Index(0)).Int(), keyOf(rows.Index(1)).Int(); first != want || second != 7 {
			t.Errorf("%s are of threads %d and %d, want %d and 7", name, first, second, want)
		}
	}
	if keyed < 20 {
		t.Errorf("only %d lists name threads", keyed)
	}
}
