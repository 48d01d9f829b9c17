package apiservertest

import (
	"fmt"
	"io"
	"os"
	"testing"

	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/apiserver/server"
)

// Main is the body of a TestMain: it starts one server, which all tests of the package share, runs
// the tests and returns their exit code. What the machinery logs is kept out of the output.
func Main(m *testing.M, shared **Server, change ...func(*server.Options)) int {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	dir, err := os.MkdirTemp("", "apiserver")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	p := &packageTB{dir: dir}
	defer p.cleanUp()
	*shared = New(p, change...)
	return m.Run()
}

// packageTB stands in for the testing.TB of a whole package, in as far as a Server needs one.
type packageTB struct {
	testing.TB
	dir      string
	cleanups []func()
}

func (p *packageTB) Helper()           {}
func (p *packageTB) TempDir() string   { return p.dir }
func (p *packageTB) Cleanup(f func())  { p.cleanups = append(p.cleanups, f) }
func (p *packageTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (p *packageTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (p *packageTB) Errorf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (p *packageTB) cleanUp() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}
