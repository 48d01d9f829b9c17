// Package usage is where the metrics.k8s.io group has its numbers from: the kubelets' /metrics/resource, read when
// somebody asks and remembered for a few seconds. Nothing is read while nobody asks.
package usage

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

// point is what a node or container had used at a moment. CPU is in seconds since it started, memory in bytes.
type point struct {
	at, started time.Time
	cpu, memory float64
	// known are the numbers that were told.
	hasCPU, hasMemory bool
}

func (p point) whole() bool { return p.hasCPU && p.hasMemory }

// podKey names a pod.
type podKey struct{ namespace, name string }

// page is one kubelet's answer: its node, and its pods' containers.
type page struct {
	at   time.Time
	node point
	pods map[podKey]map[string]point
}

// parse reads what we need of a page in Prometheus' text format. Values without a time are of read.
func parse(text []byte, read time.Time) *page {
	p := &page{at: read, pods: map[podKey]map[string]point{}}
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		name, labels, value, at, ok := sample(line)
		if !ok {
			continue
		}
		if at.IsZero() {
			at = read
		}
		switch name {
		case "node_cpu_usage_seconds_total":
			p.node.at, p.node.cpu, p.node.hasCPU = at, value, true
		case "node_memory_working_set_bytes":
			p.node.memory, p.node.hasMemory = value, true
		case "container_cpu_usage_seconds_total":
			p.change(labels, func(c *point) { c.at, c.cpu, c.hasCPU = at, value, true })
		case "container_memory_working_set_bytes":
			p.change(labels, func(c *point) { c.memory, c.hasMemory = value, true })
		case "container_start_time_seconds":
			if value < math.MaxInt64/1e9 {
				p.change(labels, func(c *point) { c.started = time.Unix(0, int64(value*1e9)) })
			}
		}
	}
	if p.node.hasCPU {
		p.at = p.node.at
	}
	return p
}

func (p *page) change(labels map[string]string, to func(*point)) {
	key, container := podKey{labels["namespace"], labels["pod"]}, labels["container"]
	if key.name == "" || container == "" {
		return
	}
	if p.pods[key] == nil {
		p.pods[key] = map[string]point{}
	}
	c := p.pods[key][container]
	to(&c)
	p.pods[key][container] = c
}

// sample reads one line: name{label="value",…} number [milliseconds]. Comments are none, nor is what is negative or
// no number.
func sample(line []byte) (name string, labels map[string]string, value float64, at time.Time, ok bool) {
	rest := strings.TrimSpace(string(line))
	if rest == "" || rest[0] == '#' {
		return
	}
	end := strings.IndexAny(rest, "{ \t")
	if end <= 0 {
		return
	}
	name, rest = rest[:end], rest[end:]
	if rest[0] == '{' {
		if labels, rest, ok = labelsOf(rest[1:]); !ok {
			return
		}
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 || len(fields) > 2 {
		return name, labels, 0, at, false
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		return name, labels, 0, at, false
	}
	if len(fields) == 2 {
		millis, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return name, labels, 0, at, false
		}
		at = time.UnixMilli(millis)
	}
	return name, labels, value, at, true
}

// labelsOf reads labels up to the closing brace and returns what follows it.
func labelsOf(s string) (labels map[string]string, rest string, ok bool) {
	labels = map[string]string{}
	for {
		s = strings.TrimLeft(s, " ,\t")
		if rest, found := strings.CutPrefix(s, "}"); found {
			return labels, rest, true
		}
		key, value, found := strings.Cut(s, "=")
		if !found {
			return nil, "", false
		}
		text, rest, found := quoted(value)
		if !found {
			return nil, "", false
		}
		labels[strings.TrimSpace(key)], s = text, rest
	}
}

// quoted reads a value in double quotes, in which \\, \" and \n stand for something else.
func quoted(s string) (text, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, `"`)
	if !ok {
		return "", "", false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
			if s[i] == 'n' {
				b.WriteByte('\n')
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}
