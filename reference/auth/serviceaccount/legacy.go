package serviceaccount

import (
	"context"
	"crypto"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/klog/v2"
)

const (
	// LegacyIssuer names itself in the tokens of Secrets.
	LegacyIssuer = "kubernetes/serviceaccount"
	// LastUsedLabel is the day (UTC) on which a Secret's token was last used.
	LastUsedLabel = "kubernetes.io/legacy-token-last-used"
	// InvalidSinceLabel marks a token that is refused because it was not used for long.
	InvalidSinceLabel = "kubernetes.io/legacy-token-invalid-since"

	dateFormat = time.DateOnly
)

// legacyClaims stand in the token of a Secret of the type kubernetes.io/service-account-token. It has
// no expiry and no audience: it lives as long as the Secret.
type legacyClaims struct {
	Namespace string `json:"kubernetes.io/serviceaccount/namespace,omitempty"`
	Secret    string `json:"kubernetes.io/serviceaccount/secret.name,omitempty"`
	Account   string `json:"kubernetes.io/serviceaccount/service-account.name,omitempty"`
	UID       string `json:"kubernetes.io/serviceaccount/service-account.uid,omitempty"`
}

// NewLegacyIssuer issues the tokens of Secrets.
func NewLegacyIssuer(key crypto.Signer) (*Issuer, error) { return NewIssuer(LegacyIssuer, key) }

// LegacyToken is the token of the Secret, for the ServiceAccount. The issuer must be a legacy one.
func (i *Issuer) LegacyToken(sa *corev1.ServiceAccount, secret string) (string, error) {
	return i.sign(jwt.Claims{Issuer: i.name, Subject: serviceaccount.MakeUsername(sa.Namespace, sa.Name)},
		legacyClaims{Namespace: sa.Namespace, Secret: secret, Account: sa.Name, UID: string(sa.UID)})
}

// LegacyAuthenticator accepts the tokens of Secrets.
type LegacyAuthenticator struct {
	keys      verifiers
	audiences authenticator.Audiences
	get       Getters
	label     func(ctx context.Context, secret *corev1.Secret, key, value string) error
	now       func() time.Time
}

var _ authenticator.Token = &LegacyAuthenticator{}

// NewLegacyAuthenticator accepts tokens for the audiences of the API server alone. It writes with
// label on which day a token was used.
func NewLegacyAuthenticator(keys []crypto.PublicKey, audiences []string, get Getters, label func(ctx context.Context, secret *corev1.Secret, key, value string) error) (*LegacyAuthenticator, error) {
	v, err := newVerifiers(keys)
	if err != nil {
		return nil, err
	}
	return &LegacyAuthenticator{keys: v, audiences: audiences, get: get, label: label, now: time.Now}, nil
}

// AuthenticateToken says (nil, false, nil) to what is not the token of a Secret.
func (l *LegacyAuthenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if claimedIssuer(token) != LegacyIssuer {
		return nil, false, nil
	}
	parsed, err := jwt.ParseSigned(token, signatures)
	if err != nil {
		return nil, false, err
	}
	var public jwt.Claims
	var private legacyClaims
	if err := l.keys.verify(parsed, &public, &private); err != nil {
		return nil, false, err
	}
	audiences := l.audiences
	if wanted, explicit := authenticator.AudiencesFrom(ctx); explicit {
		if audiences = audiences.Intersect(wanted); len(audiences) == 0 {
			return nil, false, fmt.Errorf("token audiences %q is invalid for the target audiences %q", l.audiences, wanted)
		}
	}
	audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token", public.Subject)
	if err := l.validate(ctx, token, public.Subject, private); err != nil {
		return nil, false, err
	}
	info := serviceaccount.ServiceAccountInfo{Namespace: private.Namespace, Name: private.Account, UID: private.UID}
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

func (l *LegacyAuthenticator) validate(ctx context.Context, token, subject string, c legacyClaims) error {
	if err := c.check(subject); err != nil {
		return err
	}
	secret, err := l.get.Secret(ctx, c.Namespace, c.Secret)
	if err != nil || secret.DeletionTimestamp != nil {
		return errors.New("Token has been invalidated") //nolint:staticcheck // the text that users know
	}
	if subtle.ConstantTimeCompare(secret.Data[corev1.ServiceAccountTokenKey], []byte(token)) != 1 {
		return errors.New("Token does not match server's copy") //nolint:staticcheck // the text that users know
	}
	sa, err := l.get.ServiceAccount(ctx, c.Namespace, c.Account)
	switch {
	case err != nil:
		return err
	case sa.DeletionTimestamp != nil:
		return fmt.Errorf("ServiceAccount %s/%s has been deleted", c.Namespace, c.Account)
	case string(sa.UID) != c.UID:
		return fmt.Errorf("ServiceAccount UID (%s) does not match claim (%s)", sa.UID, c.UID)
	}
	if secret.Labels[InvalidSinceLabel] != "" {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token-invalidated", secret.Name+"/"+secret.Namespace)
		return fmt.Errorf("the token in secret %s/%s for service account %s/%s has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '%s' label from the secret to temporarily allow use of this token",
			c.Namespace, c.Secret, c.Namespace, c.Account, InvalidSinceLabel)
	}
	if slices.ContainsFunc(sa.Secrets, func(r corev1.ObjectReference) bool { return r.Name == secret.Name }) {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token-autogenerated-secret", secret.Name)
		warning.AddWarning(ctx, "", "Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.")
	} else {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token-manual-secret", secret.Name)
	}
	l.noteUse(ctx, secret)
	return nil
}

// noteUse labels the Secret once a day. Another API server's clock may already have tomorrow.
func (l *LegacyAuthenticator) noteUse(ctx context.Context, secret *corev1.Secret) {
	now := l.now().UTC()
	used := secret.Labels[LastUsedLabel]
	if used == now.Format(dateFormat) || used == now.AddDate(0, 0, 1).Format(dateFormat) {
		return
	}
	if err := l.label(ctx, secret, LastUsedLabel, now.Format(dateFormat)); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot label a secret with the day its token was used", "secret", klog.KObj(secret))
	}
}

// check asks that the claims are complete and name one account.
func (c legacyClaims) check(subject string) error {
	for _, claim := range []struct{ name, value string }{
		{"sub", subject}, {"namespace", c.Namespace}, {"secretName", c.Secret}, {"serviceAccountName", c.Account}, {"serviceAccountUID", c.UID},
	} {
		if claim.value == "" {
			return fmt.Errorf("%s claim is missing", claim.name)
		}
	}
	if namespace, name, err := serviceaccount.SplitUsername(subject); err != nil || namespace != c.Namespace || name != c.Account {
		return errors.New("sub claim is invalid")
	}
	return nil
}
