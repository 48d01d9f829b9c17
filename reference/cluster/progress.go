package cluster

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress tells of steps one after the other: with a spinner on a terminal, by one line each elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
}

func newProgress(out io.Writer) progress {
	if out == nil {
		return progress{out: io.Discard}
	}
	f, ok := out.(*os.File)
	return progress{out: out, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

var frames = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// step runs do and tells how it went. The time told is since began, as steps may have begun in the background.
func (p progress) step(title string, began time.Time, do func() error) error {
	stop := p.spin(title)
	err := do()
	stop()
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	fmt.Fprintf(p.out, "%s %-32s %5.1fs\n", mark, title, time.Since(began).Seconds())
	return err
}

// spin shows that a step is under way until stop is called, which takes the line away again.
func (p progress) spin(title string) (stop func()) {
	if !p.terminal {
		return func() {}
	}
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		tick := time.NewTicker(80 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			fmt.Fprintf(p.out, "\r%c %s", frames[i%len(frames)], title)
			select {
			case <-end:
				fmt.Fprint(p.out, "\r\x1b[K")
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(end)
		done.Wait()
	}
}
