package metrics

import (
	"testing"
	"time"
)

func TestText(t *testing.T) {
	var out Text
	out.Family("m", "gauge", "What it is.")
	out.Sample("m", 1.5, time.Time{}, "a", "x\"\\\ny", "b", "")
	out.Sample("m", 2, time.UnixMilli(1500))
	want := "# HELP m What it is.\n# TYPE m gauge\n" + `m{a="x\"\\\ny",b=""} 1.5` + "\nm 2 1500\n"
	if got := string(out.Out); got != want {
		t.Errorf("got %s want %s", got, want)
	}
}
