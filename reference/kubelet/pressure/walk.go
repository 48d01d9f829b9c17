package pressure

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// breath is how many files are counted before a pause, which is restFactor times as long as the counting took:
	// a volume with millions of files costs a part of a core, however long that takes.
	breath     = 2000
	restFactor = 4
)

// size returns the bytes and the files below dir, as the disk holds them: a file with several names counts once.
// No symlink is followed, and no other file system entered; what disappears meanwhile does not count.
func size(ctx context.Context, dir string) (bytes, files int64, err error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	defer root.Close()
	w := walk{ctx: ctx, root: root, seen: map[uint64]bool{}, began: time.Now()}
	var top unix.Stat_t
	if err := unix.Stat(dir, &top); err != nil {
		return 0, 0, err
	}
	w.device = top.Dev
	w.count(&top)
	for open := []string{"."}; len(open) > 0; {
		next := open[len(open)-1]
		below, err := w.directory(next)
		if err != nil {
			return 0, 0, err
		}
		open = append(open[:len(open)-1], below...)
	}
	return w.bytes, w.files, nil
}

type walk struct {
	ctx          context.Context
	root         *os.Root
	device       uint64
	seen         map[uint64]bool
	bytes, files int64
	began        time.Time
}

// directory counts what is right in the directory and returns the directories in it.
func (w *walk) directory(path string) (below []string, err error) {
	d, err := w.root.OpenFile(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		// It is gone, or is something else by now.
		return nil, w.ctx.Err()
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(breath)
		for _, name := range names {
			var s unix.Stat_t
			if unix.Fstatat(int(d.Fd()), name, &s, unix.AT_SYMLINK_NOFOLLOW) != nil || s.Dev != w.device {
				continue
			}
			w.count(&s)
			if s.Mode&unix.S_IFMT == unix.S_IFDIR {
				below = append(below, filepath.Join(path, name))
			}
			if w.files%breath == 0 {
				w.rest()
			}
		}
		if w.ctx.Err() != nil {
			return nil, w.ctx.Err()
		}
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, os.ErrNotExist) {
				err = nil
			}
			return below, err
		}
	}
}

func (w *walk) count(s *unix.Stat_t) {
	if s.Nlink > 1 && s.Mode&unix.S_IFMT != unix.S_IFDIR {
		if w.seen[s.Ino] {
			return
		}
		w.seen[s.Ino] = true
	}
	w.bytes += s.Blocks * 512
	w.files++
}

func (w *walk) rest() {
	select {
	case <-w.ctx.Done():
	case <-time.After(restFactor * time.Since(w.began)):
	}
	w.began = time.Now()
}
