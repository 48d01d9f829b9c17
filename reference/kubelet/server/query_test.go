package server

import (
	"io/fs"
	"net/url"
	"strings"
	"testing"
)

// No query leads out of the directory of the logs, nor becomes an option of a program.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"query=a", "query=/a.log", "query=/../b", "query=-x", "query=a&tailLines=3&pattern=(", "query=a%2f..%2f..", "boot=0", "query=%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := parseQuery(values)
		if err != nil || q == nil {
			return
		}
		if q.file != "" && !fs.ValidPath(q.file) {
			t.Errorf("the file %q", q.file)
		}
		for _, service := range q.services {
			if strings.HasPrefix(service, "-") || strings.ContainsAny(service, "/\\\x00") || service == ".." {
				t.Errorf("the service %q", service)
			}
		}
	})
}
