package logs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/klog/v2"
)

const (
	// askEvery is how often a reader who follows asks whether the container still runs.
	askEvery = time.Second
	// lag is how long after a rotation the runtime may still be writing to the old file.
	lag = 50 * time.Millisecond
)

// Options say what to read of a log.
type Options struct {
	// Follow waits for more until the container has ended.
	Follow     bool
	Timestamps bool
	// Since leaves out what is older.
	Since time.Time
	// Tail is how many lines to begin before the end, Limit how many bytes to write at most; nil for all.
	Tail, Limit *int64
}

// Read writes the log at path with its rotated files to w, each line once, in their order. running tells whether the
// container may still write.
func Read(ctx context.Context, path string, o Options, running func(context.Context) bool, w io.Writer) error {
	r := &reader{path: path, options: o, running: running, out: &printer{to: w, since: o.Since, timestamps: o.Timestamps}}
	if o.Limit != nil {
		left := *o.Limit
		r.out.left = &left
	}
	err := r.read(ctx)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

type reader struct {
	path    string
	options Options
	running func(context.Context) bool
	out     *printer
}

func (r *reader) read(ctx context.Context) error {
	var changes chan fsnotify.Event
	if r.options.Follow {
		// Before anything is read, so that nothing that changes afterwards is missed.
		watcher, err := fsnotify.NewWatcher()
		if err != nil {
			return err
		}
		defer watcher.Close()
		if err := watcher.Add(filepath.Dir(r.path)); err != nil {
			return err
		}
		changes = watcher.Events
	}
	files, err := open(r.path)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if r.options.Tail != nil {
		if files, err = tail(files, *r.options.Tail); err != nil {
			return err
		}
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.changed.Before(r.options.Since) && f != files[len(files)-1] {
			continue
		}
		if err := f.drain(r.out); err != nil {
			return err
		}
	}
	if !r.options.Follow || len(files) == 0 {
		return nil
	}
	present := files[len(files)-1]
	// Later ones are closed by follow.
	files = files[:len(files)-1]
	return r.follow(ctx, present, changes)
}

// follow goes on reading f and the files that come after it until the container has ended.
func (r *reader) follow(ctx context.Context, f *file, changes <-chan fsnotify.Event) error {
	defer func() { f.Close() }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		// Asked before the file is read: what was written before the end is read after the answer.
		ended := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changes:
		case <-timer.C:
			ended = !r.running(ctx)
			timer.Reset(askEvery)
		}
		if err := f.drain(r.out); err != nil {
			return err
		}
		for f.replaced(r.path) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(lag):
			}
			if err := f.drain(r.out); err != nil {
				return err
			}
			next, err := f.successor(r.path, r.out.last)
			if err != nil {
				return err
			}
			if next == nil {
				break
			}
			f.Close()
			f = next
			if err := f.drain(r.out); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// open opens the files of a log, oldest first. What is renamed or compressed meanwhile is found by another look.
func open(path string) ([]*file, error) {
	for try := 0; ; try++ {
		files, err := tryOpen(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || try == 5 {
			return files, err
		}
		klog.V(4).InfoS("A log changed while it was opened", "path", path)
		time.Sleep(lag)
	}
}

func tryOpen(path string) (files []*file, err error) {
	defer func() {
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			files = nil
		}
	}()
	present, err := openFile(path)
	if err != nil {
		return nil, err
	}
	older, err := rotations(path)
	if err != nil {
		present.Close()
		return nil, err
	}
	for _, name := range older {
		f, err := openFile(name)
		if err != nil {
			present.Close()
			return files, err
		}
		if os.SameFile(f.info, present.info) {
			f.Close() // rotated since it was opened
			break
		}
		files = append(files, f)
	}
	return append(files, present), nil
}
