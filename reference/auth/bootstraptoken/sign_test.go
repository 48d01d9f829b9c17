package bootstraptoken

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"
)

// Others must be able to check what we sign, by the rules of RFC 7515, appendix F.
func TestSignaturesAreThoseOfTheStandard(t *testing.T) {
	const content = "apiVersion: v1\nkind: Config\n"
	// The library refuses keys as short as those of tokens.
	const key = "0123456789abcdef0123456789abcdef"
	signature, err := Sign(content, "abcdef", key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseDetached(signature, []byte(content), []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Signatures[0].Header.KeyID != "abcdef" {
		t.Errorf("the key is %q", parsed.Signatures[0].Header.KeyID)
	}
	if err := parsed.DetachedVerify([]byte(content), []byte(key)); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheTokensOwnSignatureIsGood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.String().Draw(t, "content")
		signature, err := Sign(content, "abcdef", "0123456789abcdef")
		if err != nil || !Verify(signature, content, "abcdef", "0123456789abcdef") {
			t.Fatalf("%q is not good: %v", signature, err)
		}
		at := rapid.IntRange(0, len(signature)-1).Draw(t, "at")
		other := rapid.SampledFrom([]byte("Ax.0")).Draw(t, "other")
		// The last character has bits that say nothing.
		if forged := signature[:at] + string(other) + signature[at+1:]; at < len(signature)-1 && forged != signature && Verify(forged, content, "abcdef", "0123456789abcdef") {
			t.Fatalf("%q is good", forged)
		}
		if Verify(signature, content+" ", "abcdef", "0123456789abcdef") || Verify(signature, content, "abcdeg", "0123456789abcdef") || Verify(signature, content, "abcdef", "0123456789abcdeg") {
			t.Fatal("it is good for something else")
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add("e30..", "x")
	f.Fuzz(func(t *testing.T, signature, content string) {
		if Verify(signature, content, "abcdef", "0123456789abcdef") {
			t.Errorf("%q is good", signature)
		}
	})
}
