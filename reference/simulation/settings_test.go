package simulation

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"pgregory.net/rapid"
)

func TestParseDelay(t *testing.T) {
	for text, want := range map[string]Delay{
		"0s": {}, "2s": Fixed(2 * time.Second), "1s-1m": {Min: time.Second, Max: time.Minute}, "never": {Never: true},
	} {
		if got, err := ParseDelay(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2", "-1s", "5s-1s", "1s-", "1s-never", "always"} {
		if got, err := ParseDelay(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestADelayIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDelay(t, "delay")
		if got, err := ParseDelay(d.String()); err != nil || got != d {
			t.Fatalf("%v: got %v, %v", d, got, err)
		}
		if got, ok := d.of(rapid.Float64Range(0, 0.999).Draw(t, "draw")); ok && (got < d.Min || got > d.Max) {
			t.Fatalf("%v picked %v", d, got)
		}
	})
}

func FuzzParseDelay(f *testing.F) {
	f.Add("1s-5s")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDelay(text)
		if err != nil {
			return
		}
		if again, err := ParseDelay(d.String()); err != nil || again != d {
			t.Errorf("%q is %v, which is read as %v, %v", text, d, again, err)
		}
	})
}

func TestAnnotationsChangeABehavior(t *testing.T) {
	base := Behavior{StartAfter: Fixed(time.Second), FailShare: 0.5}
	got, err := base.with(map[string]string{ReadyAfter: "1s-2s", RunFor: "never", ExitCode: "3", FailShare: "0.1", StopAfter: "4s", "other": "x"})
	want := Behavior{StartAfter: Fixed(time.Second), ReadyAfter: Delay{Min: time.Second, Max: 2 * time.Second}, RunFor: Delay{Never: true},
		StopAfter: Fixed(4 * time.Second), ExitCode: 3, FailShare: 0.1}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for key, bad := range map[string]string{StartAfter: "soon", ExitCode: "256", FailShare: "NaN"} {
		got, err := base.with(map[string]string{key: bad, InitFor: "1s"})
		if err == nil || !strings.Contains(err.Error(), key) || got.StartAfter != base.StartAfter || got.FailShare != 0.5 || got.InitFor != Fixed(time.Second) {
			t.Errorf("%s=%s: got %+v, %v; wanted the others to hold, and an error", key, bad, got, err)
		}
	}
}

func TestWhoCrashes(t *testing.T) {
	o := DefaultOptions()
	o.CrashShare = 1
	server, _ := o.behaviorOf("u", corev1.RestartPolicyAlways, nil)
	task, _ := o.behaviorOf("u", corev1.RestartPolicyNever, nil)
	if server.RunFor != o.CrashAfter || server.ExitCode != 1 || task.RunFor != o.Pods.RunFor || task.ExitCode != 0 {
		t.Errorf("got %+v and %+v", server, task)
	}
	o.CrashShare = 0
	if server, _ = o.behaviorOf("u", corev1.RestartPolicyAlways, nil); !server.RunFor.Never {
		t.Errorf("a server ends: %+v", server)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"API server":  func(o *Options) { o.Config = nil },
		"at least 1":  func(o *Options) { o.Nodes = 0 },
		"addresses":   func(o *Options) { o.Nodes = 20000 },
		"positive":    func(o *Options) { o.LeaseRenew = 0 },
		"seconds":     func(o *Options) { o.LeaseDuration = 1500 * time.Millisecond },
		"share":       func(o *Options) { o.SilentShare = 1.5 },
		"writer":      func(o *Options) { o.Writers = 0 },
		"certificate": func(o *Options) { o.Listen = "127.0.0.1:1" },
	} {
		o := DefaultOptions()
		o.Config, o.Nodes = &rest.Config{}, 5000
		change(&o)
		if err := o.complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, wanted an error about %s", err, want)
		}
	}
}

func TestParseTaint(t *testing.T) {
	for text, want := range map[string]corev1.Taint{
		"a=b:NoSchedule": {Key: "a", Value: "b", Effect: corev1.TaintEffectNoSchedule},
		"a:NoExecute":    {Key: "a", Effect: corev1.TaintEffectNoExecute},
	} {
		if got, err := parseTaint(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a", "a=b", "a=b:Never", "=b:NoSchedule"} {
		if _, err := parseTaint(text); err == nil {
			t.Errorf("%q is no taint", text)
		}
	}
}
