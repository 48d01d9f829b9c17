package logs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// maxLine bounds a line of the runtime's: it cuts at 16 KiB, and adds a time and a stream.
const maxLine = 1 << 20

// file is one file of a log, read from its beginning or from where tail put it.
type file struct {
	os      *os.File
	info    os.FileInfo
	changed time.Time
	zip     bool
	lines   *bufio.Reader
	// skip is how many lines to leave out, half what is there of a line that is not whole yet.
	skip int64
	half []byte
}

func openFile(path string) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &file{os: f, info: info, changed: info.ModTime(), zip: strings.HasSuffix(path, gzipped)}, nil
}

// Close closes the file.
func (f *file) Close() error { return f.os.Close() }

// start returns a reader of the text from the beginning of the file, or from where it was put.
func (f *file) start() (*bufio.Reader, error) {
	if f.lines != nil {
		return f.lines, nil
	}
	var from io.Reader = f.os
	if f.zip {
		z, err := gzip.NewReader(f.os)
		if err != nil {
			return nil, err
		}
		from = z
	}
	f.lines = bufio.NewReaderSize(from, 64<<10)
	return f.lines, nil
}

// drain prints all lines that are there. The last one may not be whole yet, and is kept for the next time.
func (f *file) drain(to *printer) error {
	lines, err := f.start()
	if err != nil {
		return err
	}
	for {
		part, err := lines.ReadSlice('\n')
		f.half = append(f.half, part...)
		if errors.Is(err, bufio.ErrBufferFull) && len(f.half) < maxLine {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if f.skip > 0 {
			f.skip--
		} else if l, err := parse(f.half); err == nil {
			// What is no line of a log, after the machine lost power say, is left out.
			if err := to.print(l); err != nil {
				return err
			}
		}
		f.half = f.half[:0]
	}
}

// replaced tells whether another file has the log's name by now.
func (f *file) replaced(path string) bool {
	now, err := os.Stat(path)
	return err == nil && !os.SameFile(now, f.info)
}

// successor opens the file that follows f in a log: the one that was made when f was renamed. If f is not there any
// more, compressed or removed, it is the first that begins after last. It is nil while there is none.
func (f *file) successor(path string, last time.Time) (*file, error) {
	files, err := open(path)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(files, func(other *file) bool { return os.SameFile(other.info, f.info) })
	if at < 0 {
		at = slices.IndexFunc(files, func(other *file) bool { return other.begins().After(last) }) - 1
		if at < -1 {
			at = len(files) - 1
		}
	}
	var next *file
	for i, other := range files {
		if i == at+1 {
			next = other
		} else {
			other.Close()
		}
	}
	return next, nil
}

// begins is the time of the first line, of one that is still to come if there is none.
func (f *file) begins() time.Time {
	lines, err := f.start()
	if err != nil {
		return time.Time{}
	}
	start, err := lines.Peek(len(rfc3339Fixed) + 64)
	if err != nil && len(start) == 0 {
		return f.changed.Add(time.Hour)
	}
	at, _, _ := bytes.Cut(start, []byte{' '})
	t, err := time.Parse(time.RFC3339Nano, string(at))
	if err != nil {
		return time.Time{}
	}
	return t
}
