package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query asks for the logs of services of the node, or for a file (docs: concepts/cluster-administration/system-logs#log-query).
type query struct {
	services []string
	file     string
	// since and until bound the times, as they were given; pattern what lines contain; tail is how many last lines, -1 for all;
	// boot is which start of the machine, nil for any.
	since, until, pattern string
	tail                  int
	boot                  *int
}

var serviceName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:@-]*$`)

// parseQuery reads the parameters; nil if nothing is asked for.
func parseQuery(q url.Values) (*query, error) {
	if !slices.ContainsFunc([]string{"query", "sinceTime", "untilTime", "tailLines", "boot", "pattern"}, q.Has) {
		return nil, nil
	}
	out := &query{tail: -1, pattern: q.Get("pattern")}
	var problems []error
	files := 0
	for _, name := range q["query"] {
		switch {
		case strings.ContainsAny(name, "/\\"):
			files++
			out.file = strings.TrimLeft(name, "/")
			if !fs.ValidPath(out.file) {
				problems = append(problems, fmt.Errorf("query: Invalid value: %q: no file of the logs", name))
			}
		case serviceName.MatchString(name):
			out.services = append(out.services, name)
		default:
			problems = append(problems, fmt.Errorf("query: Invalid value: %q: no name of a service", name))
		}
	}
	switch {
	case files == 0 && len(out.services) == 0 && len(problems) == 0:
		problems = append(problems, errors.New("query: Required value: cannot be empty with options"))
	case files > 1:
		problems = append(problems, errors.New("query: Invalid value: cannot specify more than one file"))
	case files == 1 && len(out.services) > 0:
		problems = append(problems, errors.New("query: Invalid value: cannot specify a file and service"))
	case files == 1 && len(q) > 1:
		problems = append(problems, errors.New("query: Invalid value: cannot specify a file with options"))
	}
	for name, to := range map[string]*string{"sinceTime": &out.since, "untilTime": &out.until} {
		if *to = q.Get(name); *to == "" {
			continue
		}
		if _, err := time.Parse(time.RFC3339, *to); err != nil {
			problems = append(problems, fmt.Errorf("%s: Invalid value: %q: invalid time format", name, *to))
		}
	}
	if text := q.Get("tailLines"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 100_000 {
			problems = append(problems, fmt.Errorf("tailLines: Invalid value: %q: must be a number from 0 to 100000", text))
		}
		out.tail = n
	}
	if text := q.Get("boot"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n > 0 {
			problems = append(problems, fmt.Errorf("boot: Invalid value: %q: must be a number of 0 or less", text))
		}
		out.boot = &n
	}
	if _, err := regexp.Compile(out.pattern); err != nil {
		problems = append(problems, fmt.Errorf("pattern: Invalid value: %q: %w", out.pattern, err))
	}
	return out, errors.Join(problems...)
}

// answerQuery answers GET /logs/?query=….
func (s *Server) answerQuery(w http.ResponseWriter, r *http.Request, logs fs.FS, q *query) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, service := range q.services {
		found, err := s.journal(r.Context(), q, service)
		if err != nil {
			found, err = fromFiles(logs, q, service)
		}
		if err != nil {
			fmt.Fprintf(w, "failed to get logs for services %v: %v\n", q.services, err)
			return
		}
		w.Write(found)
	}
}

// journal asks the node's journal, if it has one.
func (s *Server) journal(ctx context.Context, q *query, service string) ([]byte, error) {
	args := []string{"--utc", "--no-pager", "--output=short-precise", "--quiet", "--unit=" + service}
	for option, value := range map[string]string{"since": q.since, "until": q.until} {
		if value != "" {
			t, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return nil, err
			}
			args = append(args, "--"+option+"="+t.UTC().Format(time.DateTime))
		}
	}
	if q.tail >= 0 {
		args = append(args, "--lines="+strconv.Itoa(q.tail))
	}
	if q.boot != nil {
		args = append(args, "--boot="+strconv.Itoa(*q.boot))
	}
	if q.pattern != "" {
		args = append(args, "--grep="+q.pattern, "--case-sensitive=false")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "journalctl", args...).Output()
	if err == nil && len(out) == 0 {
		err = errors.New("the journal has nothing of it")
	}
	return out, err
}

// fromFiles looks for the service's log file where services that know no journal write it.
func fromFiles(logs fs.FS, q *query, service string) ([]byte, error) {
	var text []byte
	err := os.ErrNotExist
	for _, name := range []string{service, service + ".log", service + "/" + service + ".log"} {
		if text, err = fs.ReadFile(logs, name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("log not found for %s", service)
	}
	return q.choose(bytes.NewReader(text))
}

// choose returns the lines that have the pattern, the last of them.
func (q *query) choose(text io.Reader) ([]byte, error) {
	wanted, err := regexp.Compile("(?i)" + q.pattern)
	if err != nil {
		return nil, err
	}
	var lines [][]byte
	for in := bufio.NewReader(text); ; {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 && wanted.Match(line) {
			lines = append(lines, line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if q.tail >= 0 && len(lines) > q.tail {
		lines = lines[len(lines)-q.tail:]
	}
	return bytes.Join(lines, nil), nil
}
