package images

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

func TestWhoHasToShowACredential(t *testing.T) {
	list := []string{"example.org/one", "example.org/public/*", "open.org/*"}
	for _, c := range []struct {
		policy          kubeletv1beta1.ImagePullCredentialsVerificationPolicy
		image           string
		ours, preloaded bool
	}{
		{kubeletv1beta1.NeverVerify, "example.org/x", false, false},
		{kubeletv1beta1.NeverVerifyPreloadedImages, "example.org/x", true, false},
		{kubeletv1beta1.NeverVerifyAllowlistedImages, "example.org/x", true, true},
		{kubeletv1beta1.NeverVerifyAllowlistedImages, "example.org/one", true, false},
		{kubeletv1beta1.NeverVerifyAllowlistedImages, "example.org/one/more", true, true},
		{kubeletv1beta1.NeverVerifyAllowlistedImages, "example.org/public/a/b", true, false},
		{kubeletv1beta1.NeverVerifyAllowlistedImages, "example.org/publicity", true, true},
		{kubeletv1beta1.NeverVerifyAllowlistedImages, "open.org/x", true, false},
		{kubeletv1beta1.AlwaysVerify, "example.org/one", true, true},
	} {
		v := Verification{Policy: c.policy, Allowlist: list}
		if got := v.required(c.image, true); got != c.ours {
			t.Errorf("%s, %s, pulled by the agent: %v", c.policy, c.image, got)
		}
		if got := v.required(c.image, false); got != c.preloaded {
			t.Errorf("%s, %s, pulled by others: %v", c.policy, c.image, got)
		}
	}
}

func TestAllowlists(t *testing.T) {
	for pattern, ok := range map[string]bool{
		"example.org/one": true, "example.org/*": true, "example.org:5000/a/*": true, "docker.io/library/x": true,
		"x": false, "example.org/one:v1": false, "example.org/*/x": false, "*": false, "example.org/a*": false, "example.org/A": false,
	} {
		if err := CheckAllowed(pattern); (err == nil) != ok {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func secretOf(uid, hash string) Credential {
	return Credential{Auth: &criv1.AuthConfig{}, Secret: &kubeletv1beta1.ImagePullSecret{UID: uid, Namespace: "ns", Name: "s", CredentialHash: hash}}
}

func accountOf(uid string) Credential {
	return Credential{Account: &kubeletv1beta1.ImagePullServiceAccount{UID: uid, Namespace: "ns", Name: "a"}}
}

func TestWhichCredentialsAreGoodForAnImage(t *testing.T) {
	one, account := secretOf("1", "h"), accountOf("9")
	var record *kubeletv1beta1.ImagePulledRecord
	for _, c := range []*Credential{&one, &account} {
		record = pulled(record, "id", "example.org/x", c, time.Now())
	}
	open := pulled(record, "id", "example.org/open", nil, time.Now())
	open = pulled(open, "id", "example.org/open", &one, time.Now())
	many := record
	for i := range maxLearned {
		c := secretOf(fmt.Sprint(10+i), fmt.Sprint(i))
		many = pulled(many, "id", "example.org/x", &c, time.Now())
	}
	for _, c := range []struct {
		name    string
		record  *kubeletv1beta1.ImagePulledRecord
		image   string
		shown   []Credential
		ok      bool
		learned bool
	}{
		{"nothing known", nil, "example.org/x", []Credential{one}, false, false},
		{"nothing shown", record, "example.org/x", nil, false, false},
		{"the same", record, "example.org/x", []Credential{one}, true, false},
		{"another", record, "example.org/x", []Credential{secretOf("2", "other")}, false, false},
		{"another, then the same", record, "example.org/x", []Credential{secretOf("2", "other"), one}, true, false},
		{"the same in another Secret", record, "example.org/x", []Credential{secretOf("2", "h")}, true, true},
		{"the Secret has changed", record, "example.org/x", []Credential{secretOf("1", "new")}, true, true},
		{"another name of the image", record, "example.org/y", []Credential{one}, false, false},
		{"the account", record, "example.org/x", []Credential{account}, true, false},
		{"another account", record, "example.org/x", []Credential{accountOf("8")}, false, false},
		{"the node's own", record, "example.org/x", []Credential{{}}, false, false},
		{"for everyone", open, "example.org/open", nil, true, false},
		{"too many are known", many, "example.org/x", []Credential{secretOf("2", "h")}, true, false},
	} {
		ok, learned := admits(c.record, c.image, c.shown)
		if ok != c.ok || (learned != nil) != c.learned {
			t.Errorf("%s: got %v, to be noted %v", c.name, ok, learned)
		}
	}
}

func reopen(t *testing.T, dir string, r *registry) *Records {
	t.Helper()
	records, err := OpenRecords(t.Context(), dir, Verification{Policy: kubeletv1beta1.NeverVerifyPreloadedImages}, r)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func entriesOf(t *testing.T, dir string) (intended, known int) {
	t.Helper()
	for sub, n := range map[string]*int{intents: &intended, done: &known} {
		list, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		*n = len(list)
	}
	return intended, known
}

func TestRecordsOutliveTheAgent(t *testing.T) {
	dir, local := t.TempDir(), &registry{local: map[string]bool{}}
	one, other := secretOf("1", "h"), secretOf("2", "other")
	may := func(r *Records, shown ...Credential) bool {
		return r.MayUse(t.Context(), "x", image, func() []Credential { return shown })
	}
	r := reopen(t, dir, local)
	if !may(r) {
		t.Error("an image that others pulled is kept from pods")
	}
	if err := r.Begin("x"); err != nil {
		t.Fatal(err)
	}
	if may(r, one) {
		t.Error("an image that is being pulled may be used")
	}
	if err := r.Pulled("x", image, &one); err != nil {
		t.Fatal(err)
	}
	if i, k := entriesOf(t, dir); i != 0 || k != 1 {
		t.Errorf("%d intents, %d records", i, k)
	}
	for range 2 {
		if !may(r, one) || may(r) || may(r, other) {
			t.Error("it is not whoever has the credential that may use the image")
		}
		r = reopen(t, dir, local)
	}
	// What is noted of a credential that is like it holds, too.
	if !may(r, secretOf("3", "h")) || !may(reopen(t, dir, local), secretOf("3", "new")) {
		t.Error("a Secret with the same credential is not noted")
	}
	if err := os.WriteFile(filepath.Join(dir, done, fileName(image)), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r = reopen(t, dir, local); may(r, one) {
		t.Error("a record that cannot be read lets pods use the image")
	}
	r.Prune([]string{image}, time.Now())
	if _, k := entriesOf(t, dir); k != 1 {
		t.Error("the record of an image that is there is gone")
	}
	r.Prune(nil, time.Now().Add(time.Second))
	if _, k := entriesOf(t, dir); k != 0 || !may(r) {
		t.Error("the record of an image that is gone is there")
	}
}

func TestAPullThatWasCutShortOpensTheImageToNobody(t *testing.T) {
	dir, local := t.TempDir(), &registry{local: map[string]bool{}}
	r := reopen(t, dir, local)
	if err := r.Begin("x"); err != nil {
		t.Fatal(err)
	}
	r = reopen(t, dir, local)
	if i, _ := entriesOf(t, dir); i != 1 {
		t.Error("the intent is gone although the image may come yet")
	}
	local.local[image] = true
	if r.MayUse(t.Context(), "x", image, func() []Credential { return nil }) {
		t.Error("the image may be used")
	}
	r = reopen(t, dir, local)
	if i, k := entriesOf(t, dir); i != 0 || k != 1 {
		t.Errorf("%d intents, %d records", i, k)
	}
	if r.MayUse(t.Context(), "x", image, func() []Credential { return nil }) {
		t.Error("the image may be used after another start")
	}
	if err := r.Begin("x"); err != nil {
		t.Fatal(err)
	}
	r.Failed("x")
	if i, _ := entriesOf(t, dir); i != 0 {
		t.Error("the intent of a pull that failed is there")
	}
}

// A pod without the credential pulls anew, and may not use what another has pulled with one.
func TestAPrivateImageIsNotForOthers(t *testing.T) {
	r, recorder, p, _ := fixture()
	r.local[image] = true
	p.records = newRecords("", Verification{Policy: kubeletv1beta1.NeverVerifyPreloadedImages})
	one := secretOf("1", "h")
	if err := p.records.Pulled("x", image, &one); err != nil {
		t.Fatal(err)
	}
	if f := ensure(t, p, v1.PullIfNotPresent); f == nil || f.Reason != "ErrImagePull" || r.pulls != 1 {
		t.Errorf("IfNotPresent: %v after %d pulls", f, r.pulls)
	}
	drain(recorder)
	f := ensure(t, p, v1.PullNever)
	if want := `Container image "x" is not present with pull policy of Never`; f == nil || f.Reason != "ErrImageNeverPull" || f.Message != want {
		t.Errorf("Never: %v", f)
	}
	if got, want := drain(recorder), `Warning ErrImageNeverPull Container image "x" is not present with pull policy of Never`; got != want {
		t.Errorf("Never: event %q", got)
	}
	// Pulled without any credential, it is for all.
	r.remote[image] = true
	p.tries = map[try]attempt{}
	for range 2 {
		if f := ensure(t, p, v1.PullIfNotPresent); f != nil || r.pulls != 2 {
			t.Errorf("public: %v after %d pulls", f, r.pulls)
		}
	}
}
