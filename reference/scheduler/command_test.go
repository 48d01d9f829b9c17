package scheduler

import (
	"io"
	"strings"
	"testing"
)

func TestCommandRefusesWrongInput(t *testing.T) {
	for want, args := range map[string][]string{
		`required flag(s) "kubeconfig" not set`: {},
		"--kubeconfig /does/not/exist:":         {"--kubeconfig", "/does/not/exist"},
		"unknown flag: --nonsense":              {"--nonsense"},
		`unknown command "more"`:                {"more"},
	} {
		cmd := Command()
		cmd.SetArgs(args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", args, err, want)
		}
	}
}
