// Package residency keeps down what a process holds of its program file in memory. One program is every part of the
// cluster; what a part runs once, to start, stays mapped by it for good: some 100 MiB in which it never looks again.
package residency

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/klog/v2"
)

// after is when a part that starts has started: what it uses from then on, it goes on using.
const after = 10 * time.Second

// TrimStarted gives back the memory that only the start needed, once, some seconds from now: garbage, and pages of the
// program file.
func TrimStarted(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(after):
	}
	debug.FreeOSMemory()
	if err := Trim(); err != nil {
		klog.FromContext(ctx).V(2).Info("Cannot give up pages of the program file", "err", err)
	}
}

// Trim has the kernel forget which pages of the program file this process has looked at. Those that it looks at again
// are mapped again, as a rule without reading the disk; nothing that was written is lost, as only mappings that cannot
// be written are touched.
func Trim() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	ranges, err := readOnly(maps, program)
	if err != nil {
		return err
	}
	for _, r := range ranges {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("madvise of %x-%x: %w", r.from, r.to, errno)
		}
	}
	return nil
}

// span is a range of addresses.
type span struct{ from, to uintptr }

// readOnly returns the private mappings of the file that cannot be written, of a list as proc_pid_maps(5) describes it.
func readOnly(maps io.Reader, file string) ([]span, error) {
	var out []span
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || strings.Join(fields[5:], " ") != file {
			continue
		}
		if access := fields[1]; strings.Contains(access, "w") || !strings.HasSuffix(access, "p") {
			continue
		}
		low, high, _ := strings.Cut(fields[0], "-")
		from, err := strconv.ParseUint(low, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("range %q: %w", fields[0], err)
		}
		to, err := strconv.ParseUint(high, 16, 64)
		if err != nil || to <= from {
			return nil, fmt.Errorf("range %q is none", fields[0])
		}
		out = append(out, span{uintptr(from), uintptr(to)})
	}
	return out, lines.Err()
}
