package server

import (
	"fmt"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	tokencache "k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// tokenCacheTTL bounds for how long a token works after its pod or ServiceAccount is gone.
const tokenCacheTTL = 10 * time.Second

// applyAuthentication says who a request is from: a client certificate, a token of the token file,
// a ServiceAccount's token, else system:anonymous.
func applyAuthentication(cfg *genericapiserver.Config, o Options, serviceAccounts authenticator.Token) error {
	ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", o.ClientCAFile)
	if err != nil {
		return fmt.Errorf("--client-ca-file: %w", err)
	}
	cfg.SecureServing.ClientCA = ca

	tokens := []authenticator.Token{tokencache.New(serviceAccounts, false, tokenCacheTTL, tokenCacheTTL)}
	if o.TokenAuthFile != "" {
		static, err := tokenfile.NewCSV(o.TokenAuthFile)
		if err != nil {
			return fmt.Errorf("--token-auth-file: %w", err)
		}
		audiences := authenticator.Audiences{o.ServiceAccountIssuer}
		tokens = append([]authenticator.Token{authenticator.WrapAudienceAgnosticToken(audiences, static)}, tokens...)
	}
	token := tokenunion.New(tokens...)
	cfg.Authentication = genericapiserver.AuthenticationInfo{
		APIAudiences: authenticator.Audiences{o.ServiceAccountIssuer},
		Authenticator: union.NewFailOnError( // a bad credential is refused, not taken for none
			group.NewAuthenticatedGroupAdder(union.New(
				x509.NewDynamic(ca.VerifyOptions, x509.CommonNameUserConversion),
				bearertoken.New(token),
				websocket.NewProtocolAuthenticator(token),
			)),
			anonymous.NewAuthenticator(nil),
		),
	}
	return nil
}
