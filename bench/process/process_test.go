package process

import (
	"os/exec"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	const stat = "7 (odd ) name) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 100 1000 100 18446744073709551615\n"
	if got, err := parseCPU([]byte(stat)); err != nil || got != 3*time.Second {
		t.Errorf("got %v, %v; wanted 3 s", got, err)
	}
	for _, bad := range []string{"", "7 (x) S 1", "7 (x) S 1 7 7 0 -1 4194304 100 0 0 0 a b 0"} {
		if _, err := parseCPU([]byte(bad)); err == nil {
			t.Errorf("%q was taken for a process status", bad)
		}
	}
}

func TestParseMemory(t *testing.T) {
	resident, anonymous, err := parseMemory([]byte("Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t     512 kB\n"))
	if err != nil || resident != 2<<20 || anonymous != 512<<10 {
		t.Errorf("got %d, %d, %v; wanted 2 MiB and 512 KiB", resident, anonymous, err)
	}
	if _, _, err := parseMemory([]byte("Name:\tx\n")); err == nil {
		t.Error("a status without VmRSS was taken")
	}
}

func TestAProcessIsMeasuredAndEnds(t *testing.T) {
	p, err := Start(exec.Command("sleep", "3600"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(time.Minute)
	if _, err := p.CPU(); err != nil {
		t.Error(err)
	}
	if resident, _, err := p.Memory(); err != nil || resident <= 0 {
		t.Errorf("memory: %d, %v", resident, err)
	}
	p.Stop(time.Minute)
	select {
	case <-p.Done():
	default:
		t.Error("it still runs after Stop")
	}
}
