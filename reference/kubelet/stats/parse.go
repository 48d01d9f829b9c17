package stats

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// number reads a file that has one number in it; 0 if there is no such file, or if it says "max".
func number(file string) uint64 {
	n, _ := readNumber(file)
	return n
}

func readNumber(file string) (uint64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	text = bytes.TrimSpace(text)
	if string(text) == "max" {
		return 0, nil
	}
	return strconv.ParseUint(string(text), 10, 64)
}

// keys reads a file of lines "key value" and hands each over. Lines of another form are passed over.
func keys(text []byte, each func(key []byte, value uint64)) {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		key, value, found := bytes.Cut(line, []byte{' '})
		if !found {
			continue
		}
		if n, ok := decimal(bytes.TrimSpace(value)); ok {
			each(key, n)
		}
	}
}

func decimal(digits []byte) (n uint64, ok bool) {
	for _, d := range digits {
		if d < '0' || d > '9' || n > (1<<64-1-9)/10 {
			return 0, false
		}
		n = n*10 + uint64(d-'0')
	}
	return n, len(digits) > 0
}

// firstProcess reads cgroup.procs. 0 stands for a process of another PID namespace, which cannot be named.
func firstProcess(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return 0
	}
	for field := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

// processes counts the lines of cgroup.procs.
func processes(dir string) uint64 {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return 0
	}
	return uint64(bytes.Count(text, []byte{'\n'}))
}

// parsePSI reads the two lines of a file like cpu.pressure.
func parsePSI(text string) PSI {
	var p PSI
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		var l PSILine
		for _, f := range fields[1:] {
			key, value, _ := strings.Cut(f, "=")
			switch key {
			case "avg10":
				l.Avg10, _ = strconv.ParseFloat(value, 64)
			case "avg60":
				l.Avg60, _ = strconv.ParseFloat(value, 64)
			case "avg300":
				l.Avg300, _ = strconv.ParseFloat(value, 64)
			case "total":
				micros, _ := strconv.ParseUint(value, 10, 64)
				l.Total = micros * 1000
			}
		}
		switch fields[0] {
		case "some":
			p.Some = l
		case "full":
			p.Full = l
		}
	}
	return p
}

// parseIOStat reads version 2's io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 …" per device.
func parseIOStat(text string) []Device {
	var out []Device
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		d := Device{Number: fields[0]}
		for _, f := range fields[1:] {
			key, value, _ := strings.Cut(f, "=")
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				continue
			}
			switch key {
			case "rbytes":
				d.ReadBytes = n
			case "wbytes":
				d.WriteBytes = n
			case "rios":
				d.Reads = n
			case "wios":
				d.Writes = n
			}
		}
		out = append(out, d)
	}
	return out
}

// parseThrottle reads version 1's blkio.throttle files: "8:0 Read 123" per device and direction.
func parseThrottle(bytes, counts string) []Device {
	var out []Device
	at := func(number string) *Device {
		for i := range out {
			if out[i].Number == number {
				return &out[i]
			}
		}
		out = append(out, Device{Number: number})
		return &out[len(out)-1]
	}
	read := func(text string, set func(d *Device, direction string, n uint64)) {
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			if len(fields) != 3 {
				continue
			}
			if n, err := strconv.ParseUint(fields[2], 10, 64); err == nil {
				set(at(fields[0]), fields[1], n)
			}
		}
	}
	read(bytes, func(d *Device, direction string, n uint64) {
		switch direction {
		case "Read":
			d.ReadBytes = n
		case "Write":
			d.WriteBytes = n
		}
	})
	read(counts, func(d *Device, direction string, n uint64) {
		switch direction {
		case "Read":
			d.Reads = n
		case "Write":
			d.Writes = n
		}
	})
	return out
}
