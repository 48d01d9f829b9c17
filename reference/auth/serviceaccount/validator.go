package serviceaccount

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

// deletionLeeway keeps the tokens of an object valid that is being deleted, so that a pod can
// still use the API while it shuts down.
const deletionLeeway = time.Minute

// validator checks claims whose signature is known to be ours.
type validator struct {
	get Getters
	now func() time.Time
}

// validate tells whom the token stands for, and by how much it is past its warning time.
func (v validator) validate(ctx context.Context, public jwt.Claims, k kubernetesClaims) (*serviceaccount.ServiceAccountInfo, time.Duration, error) {
	now := v.now()
	if err := checkTimes(public, now); err != nil {
		return nil, 0, err
	}
	if want := serviceaccount.MakeUsername(k.Namespace, k.ServiceAccount.Name); public.Subject != want {
		return nil, 0, fmt.Errorf("service account token subject %q does not match its claims, which name %q", public.Subject, want)
	}
	if err := v.checkObjects(ctx, k, now); err != nil {
		return nil, 0, err
	}
	info := &serviceaccount.ServiceAccountInfo{Namespace: k.Namespace, Name: k.ServiceAccount.Name, UID: k.ServiceAccount.UID}
	if public.ID != "" {
		info.CredentialID = credentialID(public.ID)
	}
	if k.Pod != nil {
		info.PodName, info.PodUID = k.Pod.Name, k.Pod.UID
	}
	if k.Node != nil {
		info.NodeName, info.NodeUID = k.Node.Name, k.Node.UID
	}
	var stale time.Duration
	if k.WarnAfter != nil {
		stale = max(0, now.Sub(k.WarnAfter.Time()))
	}
	return info, stale, nil
}

// credentialID is how audit logs refer to a token without containing it.
func credentialID(jti string) string { return "JTI=" + jti }

func checkTimes(c jwt.Claims, now time.Time) error {
	if c.Expiry == nil {
		return errors.New("service account token has no expiry")
	}
	err := c.Validate(jwt.Expected{Time: now})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrExpired):
		return errors.New("service account token has expired")
	case errors.Is(err, jwt.ErrNotValidYet):
		return errors.New("service account token is not valid yet")
	case errors.Is(err, jwt.ErrIssuedInTheFuture):
		return errors.New("service account token is issued in the future")
	}
	return fmt.Errorf("service account token claims could not be validated: %w", err)
}

// errInvalidated is all that a stranger learns of what became of the token's object.
var errInvalidated = errors.New("service account token has been invalidated")

// checkObjects asks that everything the token is bound to still is what it was at issue.
func (v validator) checkObjects(ctx context.Context, k kubernetesClaims, now time.Time) error {
	sa, err := v.get.ServiceAccount(ctx, k.Namespace, k.ServiceAccount.Name)
	switch {
	case err != nil:
		return err
	case overdue(sa, now):
		return fmt.Errorf("service account %s/%s has been deleted", k.Namespace, k.ServiceAccount.Name)
	case string(sa.UID) != k.ServiceAccount.UID:
		return fmt.Errorf("service account UID (%s) does not match claim (%s)", sa.UID, k.ServiceAccount.UID)
	}
	if k.Secret != nil {
		o, err := v.get.Secret(ctx, k.Namespace, k.Secret.Name)
		if err := alive("secret", k.Secret, o, err, now); err != nil {
			return err
		}
	}
	if k.Pod != nil {
		o, err := v.get.Pod(ctx, k.Namespace, k.Pod.Name)
		return alive("pod", k.Pod, o, err, now)
	}
	if k.Node != nil { // bound to the node itself; beside a pod it is information only
		o, err := v.get.Node(ctx, k.Node.Name)
		return alive("node", k.Node, o, err, now)
	}
	return nil
}

func alive(kind string, want *ref, o metav1.Object, err error, now time.Time) error {
	if err != nil {
		return errInvalidated
	}
	if string(o.GetUID()) != want.UID {
		return fmt.Errorf("%s UID (%s) does not match service account %s ref claim (%s)", kind, o.GetUID(), kind, want.UID)
	}
	if overdue(o, now) {
		return errInvalidated
	}
	return nil
}

func overdue(o metav1.Object, now time.Time) bool {
	d := o.GetDeletionTimestamp()
	return d != nil && d.Add(deletionLeeway).Before(now)
}
