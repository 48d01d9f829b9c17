package residency

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestOnlyWhatCannotBeWrittenIsGivenUp(t *testing.T) {
	maps := `00400000-0040b000 r-xp 00000000 08:02 173521 /usr/bin/program
0060a000-0060b000 r--p 0000a000 08:02 173521 /usr/bin/program
0060b000-0060c000 rw-p 0000b000 08:02 173521 /usr/bin/program
0060c000-0060d000 r--s 0000b000 08:02 173521 /usr/bin/program
00700000-00701000 r-xp 00000000 08:02 173522 /usr/bin/program other
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0 [vdso]
7ffe00000000-7ffe00001000 rw-p 00000000 00:00 0
`
	got, err := readOnly(strings.NewReader(maps), "/usr/bin/program")
	if want := []span{{0x400000, 0x40b000}, {0x60a000, 0x60b000}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %x, %v; want %x", got, err, want)
	}
	for _, line := range []string{"x-2 r-xp 0 0 0 /p", "2-1 r-xp 0 0 0 /p", "1 r-xp 0 0 0 /p"} {
		if got, err := readOnly(strings.NewReader(line), "/p"); err == nil {
			t.Errorf("%q: got %x and no error", line, got)
		}
	}
}

// The process goes on after it has given up its own code and constants.
func TestTrim(t *testing.T) {
	before := resident(t)
	if err := Trim(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile("/proc/self/comm"); err != nil || len(text) == 0 {
		t.Errorf("read %q, %v", text, err)
	}
	if after := resident(t); after >= before {
		t.Errorf("%d KiB of files were mapped before, %d KiB after", before, after)
	}
}

// resident is how much of files is mapped, in KiB.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int
		if n, _ := fmt.Sscanf(line, "RssFile: %d kB", &kib); n == 1 {
			return kib
		}
	}
	t.Fatal("no RssFile in /proc/self/status")
	return 0
}

func FuzzReadOnly(f *testing.F) {
	f.Add("00400000-0040b000 r-xp 00000000 08:02 173521 /p")
	f.Fuzz(func(t *testing.T, maps string) {
		spans, err := readOnly(strings.NewReader(maps), "/p")
		for _, s := range spans {
			if err == nil && s.to <= s.from {
				t.Errorf("range %x", s)
			}
		}
	})
}
