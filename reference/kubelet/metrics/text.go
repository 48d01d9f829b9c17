// Package metrics has the numbers that the agent tells of itself, by upstream's names, and Prometheus' text format.
package metrics

import (
	"strconv"
	"time"
)

// TextType is the media type of Prometheus' text format.
const TextType = "text/plain; version=0.0.4; charset=utf-8"

// Text is a page of metrics in Prometheus' format, written as it is worded: nothing is kept between two pages.
type Text struct{ Out []byte }

// Family begins a metric. All of its samples follow at once.
func (t *Text) Family(name, kind, help string) {
	t.Out = append(t.Out, "# HELP "...)
	t.Out = append(t.Out, name...)
	t.Out = append(t.Out, ' ')
	t.Out = append(t.Out, help...)
	t.Out = append(t.Out, "\n# TYPE "...)
	t.Out = append(t.Out, name...)
	t.Out = append(t.Out, ' ')
	t.Out = append(t.Out, kind...)
	t.Out = append(t.Out, '\n')
}

// Sample writes one value. Labels are pairs of name and value; a zero time is left out.
func (t *Text) Sample(name string, value float64, at time.Time, labels ...string) {
	t.Out = append(t.Out, name...)
	for i := 0; i+1 < len(labels); i += 2 {
		if i == 0 {
			t.Out = append(t.Out, '{')
		} else {
			t.Out = append(t.Out, ',')
		}
		t.Out = append(t.Out, labels[i]...)
		t.Out = append(t.Out, '=', '"')
		t.escape(labels[i+1])
		t.Out = append(t.Out, '"')
	}
	if len(labels) > 1 {
		t.Out = append(t.Out, '}')
	}
	t.Out = append(t.Out, ' ')
	t.Out = strconv.AppendFloat(t.Out, value, 'g', -1, 64)
	if !at.IsZero() {
		t.Out = append(t.Out, ' ')
		t.Out = strconv.AppendInt(t.Out, at.UnixMilli(), 10)
	}
	t.Out = append(t.Out, '\n')
}

func (t *Text) escape(value string) {
	for i := range len(value) {
		switch b := value[i]; b {
		case '\\', '"':
			t.Out = append(t.Out, '\\', b)
		case '\n':
			t.Out = append(t.Out, '\\', 'n')
		default:
			t.Out = append(t.Out, b)
		}
	}
}
