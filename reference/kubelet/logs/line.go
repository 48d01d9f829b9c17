package logs

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// line is what the runtime wrote at one time.
type line struct {
	at   time.Time
	text []byte
	// partial: the container's line goes on in the next one.
	partial bool
}

// parse reads a line of a log: time, stream, tags, text.
func parse(raw []byte) (line, error) {
	raw = bytes.TrimSuffix(raw, []byte{'\n'})
	at, rest, ok := bytes.Cut(raw, []byte{' '})
	stream, rest, ok2 := bytes.Cut(rest, []byte{' '})
	tags, text, ok3 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || !ok3 || string(stream) != "stdout" && string(stream) != "stderr" {
		return line{}, fmt.Errorf("not a line of a container's log: %.100q", raw)
	}
	t, err := time.Parse(time.RFC3339Nano, string(at))
	if err != nil {
		return line{}, err
	}
	tag, _, _ := bytes.Cut(tags, []byte{':'})
	return line{at: t, text: text, partial: string(tag) == "P"}, nil
}

// printer writes lines as users want them.
type printer struct {
	to         io.Writer
	since      time.Time
	timestamps bool
	// left is how many bytes may still be written, nil for any number.
	left *int64
	// within: the last line was partial.
	within bool
	last   time.Time
	buffer []byte
}

// print writes the line, and returns io.EOF when no more may be written.
func (p *printer) print(l line) error {
	p.last = l.at
	if l.at.Before(p.since) {
		return nil
	}
	p.buffer = p.buffer[:0]
	if p.timestamps && !p.within {
		p.buffer = append(l.at.AppendFormat(p.buffer, rfc3339Fixed), ' ')
	}
	p.buffer = append(p.buffer, l.text...)
	if p.within = l.partial; !l.partial {
		p.buffer = append(p.buffer, '\n')
	}
	out := p.buffer
	if p.left != nil {
		if *p.left < int64(len(out)) {
			out = out[:*p.left]
		}
		*p.left -= int64(len(out))
	}
	if _, err := p.to.Write(out); err != nil {
		return err
	}
	if p.left != nil && *p.left == 0 {
		return io.EOF
	}
	return nil
}

// rfc3339Fixed has all nine digits, so that lines of one log are aligned.
const rfc3339Fixed = "2006-01-02T15:04:05.000000000Z07:00"
