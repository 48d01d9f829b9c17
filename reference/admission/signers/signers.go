// Package signers asks whether a user may act for a signer of certificates.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization
package signers

import (
	"context"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
)

// Allowed tells whether the user has the verb (approve, sign, attest) on the signer: by its name, or
// on all signers of its domain by "domain/*". What cannot be found out is no permission.
func Allowed(ctx context.Context, authz authorizer.Authorizer, who user.Info, verb, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, reason, err := authz.Authorize(ctx, authorizer.AttributesRecord{
			User: who, Verb: verb, Name: name,
			APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers", ResourceRequest: true,
		})
		switch {
		case err != nil:
			klog.FromContext(ctx).V(3).Info("Cannot authorize for a signer", "signer", name, "verb", verb, "reason", reason, "err", err)
		case decision == authorizer.DecisionAllow:
			return true
		}
	}
	return false
}
