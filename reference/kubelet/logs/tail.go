package logs

import (
	"bytes"
	"errors"
	"io"
)

// tail puts files, oldest first, to where their last n lines begin, and returns those that have any, the last one always.
func tail(files []*file, n int64) ([]*file, error) {
	for i := len(files) - 1; i >= 0; i-- {
		var found int64
		var err error
		if files[i].zip {
			found, err = files[i].leaveZipped(n)
		} else {
			found, err = files[i].leave(n)
		}
		if err != nil {
			return files, err
		}
		if n -= found; n > 0 || i == 0 {
			continue
		}
		for _, older := range files[:i] {
			older.Close()
		}
		return files[i:], nil
	}
	return files, nil
}

// leave puts the file to where its last n whole lines begin, and returns how many there are, at most n.
func (f *file) leave(n int64) (int64, error) {
	size, err := f.os.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	block := make([]byte, 64<<10)
	var found int64
	// The end of a whole line is looked for; the n+1st from the end is just before the lines wanted.
	for end := size; end > 0; {
		begin := max(end-int64(len(block)), 0)
		part := block[:end-begin]
		if _, err := f.os.ReadAt(part, begin); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for at := bytes.LastIndexByte(part, '\n'); at >= 0; at = bytes.LastIndexByte(part[:at], '\n') {
			if found++; found > n {
				_, err := f.os.Seek(begin+int64(at)+1, io.SeekStart)
				return n, err
			}
		}
		end = begin
	}
	_, err = f.os.Seek(0, io.SeekStart)
	return found, err
}

// leaveZipped is leave for a compressed file, which can only be read from its beginning.
func (f *file) leaveZipped(n int64) (int64, error) {
	lines, err := f.start()
	if err != nil {
		return 0, err
	}
	var found int64
	block := make([]byte, 64<<10)
	for {
		got, err := lines.Read(block)
		found += int64(bytes.Count(block[:got], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	f.lines = nil
	if _, err := f.os.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	f.skip = max(found-n, 0)
	return min(found, n), nil
}
