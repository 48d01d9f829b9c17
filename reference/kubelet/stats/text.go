package stats

import (
	"strconv"
	"time"
)

// TextType is the media type of Prometheus' text format.
const TextType = "text/plain; version=0.0.4; charset=utf-8"

// text is a page of metrics in Prometheus' format, written as it is worded: nothing is kept between two pages.
type text struct{ out []byte }

// family begins a metric. All of its samples follow at once.
func (t *text) family(name, kind, help string) {
	t.out = append(t.out, "# HELP "...)
	t.out = append(t.out, name...)
	t.out = append(t.out, ' ')
	t.out = append(t.out, help...)
	t.out = append(t.out, "\n# TYPE "...)
	t.out = append(t.out, name...)
	t.out = append(t.out, ' ')
	t.out = append(t.out, kind...)
	t.out = append(t.out, '\n')
}

// sample writes one value. Labels are pairs of name and value; a zero time is left out.
func (t *text) sample(name string, value float64, at time.Time, labels ...string) {
	t.out = append(t.out, name...)
	for i := 0; i+1 < len(labels); i += 2 {
		if i == 0 {
			t.out = append(t.out, '{')
		} else {
			t.out = append(t.out, ',')
		}
		t.out = append(t.out, labels[i]...)
		t.out = append(t.out, '=', '"')
		t.escape(labels[i+1])
		t.out = append(t.out, '"')
	}
	if len(labels) > 1 {
		t.out = append(t.out, '}')
	}
	t.out = append(t.out, ' ')
	t.out = strconv.AppendFloat(t.out, value, 'g', -1, 64)
	if !at.IsZero() {
		t.out = append(t.out, ' ')
		t.out = strconv.AppendInt(t.out, at.UnixMilli(), 10)
	}
	t.out = append(t.out, '\n')
}

func (t *text) escape(value string) {
	for i := range len(value) {
		switch b := value[i]; b {
		case '\\', '"':
			t.out = append(t.out, '\\', b)
		case '\n':
			t.out = append(t.out, '\\', 'n')
		default:
			t.out = append(t.out, b)
		}
	}
}
