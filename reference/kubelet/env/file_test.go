package env

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestParseFile(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                                 {},
		"A='1'":                            {"A": "1"},
		"# comment\n\n  A = '1' \nB='2'\n": {"A": "1", "B": "2"},
		"A='one\ntwo # no comment \\n $B'\nA.b-c=''": {"A": "one\ntwo # no comment \\n $B", "A.b-c": ""},
		"A='1'\nA='2'": {"A": "2"},
		"A='1'\r\n":    {"A": "1"},
		"A=1":          nil,
		`A="1"`:        nil,
		"A='1''2'":     nil,
		"A='1'$B":      nil,
		"A='1' # no":   nil,
		"A='1":         nil,
		"A":            nil,
		"='1'":         nil,
		"export A='1'": nil,
		"A\n='1'":      nil,
	} {
		got, err := ParseFile(text)
		if (err == nil) != (want != nil) || !cmp.Equal(got, want) {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add("# x\nA = 'b\nc'\n\nD='e'")
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := ParseFile(text)
		if err != nil {
			return
		}
		var again strings.Builder
		for name, value := range vars {
			again.WriteString(name + "='" + value + "'\n")
		}
		if got, err := ParseFile(again.String()); err != nil || !cmp.Equal(got, vars) {
			t.Errorf("%q: %q, written down again %q, %v", text, vars, got, err)
		}
	})
}

func TestAFileOfVariablesIsReadOnlyWhereItMayBe(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "volume")
	for _, err := range []error{
		os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(outside, "secret"), []byte("A='stolen'"), 0o600), os.WriteFile(filepath.Join(dir, "good"), []byte("A='1'"), 0o644),
		os.Symlink("../secret", filepath.Join(dir, "link")), os.Symlink("good", filepath.Join(dir, "inside")), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644),
		os.WriteFile(filepath.Join(dir, "long"), []byte("A='"+strings.Repeat("x", maxFile)+"'"), 0o644), os.WriteFile(filepath.Join(dir, "bad"), []byte("A=1"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := Source{Dir: func(string) string { return dir }}
	for _, c := range []struct {
		path, key string
		optional  bool
		want      string
		ok        bool
		message   string
	}{
		{"good", "A", false, "1", true, ""},
		{"inside", "A", false, "1", true, ""},
		{"good", "B", false, "", false, "couldn't find key B in file good of volume v"},
		{"good", "B", true, "", false, ""},
		{"none", "A", false, "", false, "couldn't find file none in volume v"},
		{"none", "A", true, "", false, ""},
		{"link", "A", true, "", false, "escapes"},
		{"pipe", "A", true, "", false, "not a regular file"},
		{"long", "A", true, "", false, "more than 65536 bytes"},
		{"bad", "A", true, "", false, "single quotes"},
	} {
		got, ok, err := s.fromFile(&v1.FileKeySelector{VolumeName: "v", Path: c.path, Key: c.key, Optional: ptr.To(c.optional)})
		if got != c.want || ok != c.ok || (err == nil) != (c.message == "") || (err != nil && !strings.Contains(err.Error(), c.message)) {
			t.Errorf("%s %s: got %q, %t, %v", c.path, c.key, got, ok, err)
		}
	}
}
