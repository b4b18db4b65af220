"""The administrator's way through Fortnox's login: our app's OAuth client and the company behind the grant."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from huma_fortnox.adapters.fortnox import FortnoxClient
from huma_fortnox.adapters.fortnox_oauth import FortnoxOAuth, redirect_refusal
from huma_fortnox.adapters.secrets import GrantKind
from huma_fortnox.domain.errors import ConsentNeeded, Defect, IntegrationError, TransientError
from huma_fortnox.services.ports import ConsentGranted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from huma_fortnox.adapters.fortnox_oauth import TokenSet
    from huma_fortnox.adapters.http import HttpPolicy
    from huma_fortnox.adapters.secrets import OrganizationSecrets

_KEPT_SECONDS = 300.0


class FortnoxApp:
    """Our app at Fortnox: its credentials come from their own secret, five minutes at most after they changed."""

    def __init__(
        self,
        client: SecretsManagerClient,
        secret_id: str,
        auth_url: str,
        http: HttpPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._auth_url = auth_url
        self._http = http
        self._clock = clock
        self._oauth: FortnoxOAuth | None = None
        self._read_at = float("-inf")

    def oauth(self) -> FortnoxOAuth:
        """Return the OAuth client; raises ``Defect`` when the operator has not filled in the credentials."""
        if self._oauth is None or self._clock() - self._read_at > _KEPT_SECONDS:
            self._oauth = FortnoxOAuth(self._auth_url, *self._credentials(), self._http)
            self._read_at = self._clock()
        return self._oauth

    def client_credentials(self, tenant_id: str) -> TokenSet:
        """Fetch a token for a company that consented to a service account."""
        return self.oauth().client_credentials(tenant_id)

    def refresh(self, refresh_token: str) -> TokenSet:
        """Use up a refresh token for an access token and the next refresh token."""
        return self.oauth().refresh(refresh_token)

    def _credentials(self) -> tuple[str, str]:
        try:
            document = json.loads(self._client.get_secret_value(SecretId=self._secret_id)["SecretString"])
            return str(document["client_id"]), str(document["client_secret"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise Defect("fortnox-app-secret-missing") from None
            raise TransientError("secrets-unavailable") from None
        except BotoCoreError:
            raise TransientError("secrets-unavailable") from None
        except (ValueError, KeyError, TypeError):
            raise Defect("fortnox-app-secret-missing") from None


class _OneToken:
    """``ports.AccessTokens`` with the one token that a code was just exchanged for."""

    def __init__(self, token: str) -> None:
        self._token = token

    def access_token(self) -> str:
        return self._token

    def refused(self, token: str) -> None:
        raise ConsentNeeded("authorization-code-refused")


class _NoBudget:
    """One request right after a consent needs no share of the budget."""

    def acquire(self) -> None:
        pass

    def answered(self) -> None:
        pass

    def pause(self, seconds: float) -> None:
        pass

    def give_back(self) -> None:
        pass


class FortnoxLogin:
    """``ports.FortnoxConsent`` over Fortnox's OAuth."""

    def __init__(
        self,
        app: FortnoxApp,
        secrets: OrganizationSecrets,
        *,
        api_url: str,
        redirect_uri: str,
        http: HttpPolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._secrets = secrets
        self._api_url = api_url
        self._redirect_uri = redirect_uri
        self._http = http
        self._clock = clock

    def authorization_url(self, state: str) -> str:
        """Return where to send the administrator."""
        return self._app.oauth().authorization_url(state, self._redirect_uri)

    def refusal(self, query: Mapping[str, str]) -> IntegrationError | None:
        """Return what Fortnox's answer to the redirect means when it is not a consent."""
        return redirect_refusal(query)

    def redeem(self, code: str) -> ConsentGranted:
        """Turn the authorization code into a grant for a company.

        Client credentials are tried at once: where they work, nothing ever rotates and the refresh token is not
        kept. Otherwise the refresh token is.
        """
        oauth = self._app.oauth()
        tokens = oauth.exchange_code(code, self._redirect_uri)
        missing = tokens.missing_scopes()
        if missing:
            raise ConsentNeeded("scope-missing", {"scopes": " ".join(sorted(missing))})
        company = FortnoxClient(self._api_url, _OneToken(tokens.access_token), _NoBudget(), self._http).company()
        if not company.tenant_id:
            # All companies without a number would be one and the same to us.
            raise Defect("fortnox-contract", {"missing": "DatabaseNumber"})
        grant = GrantKind.REFRESH_TOKEN
        try:
            tokens_now = oauth.client_credentials(company.tenant_id)
            grant, refresh_token = GrantKind.CLIENT_CREDENTIALS, ""
        except IntegrationError:
            tokens_now, refresh_token = tokens, tokens.refresh_token or ""
        if grant is GrantKind.REFRESH_TOKEN and not refresh_token:
            raise ConsentNeeded("service-account-not-allowed")
        return ConsentGranted(
            company=company,
            grant=grant.value,
            access_token=tokens_now.access_token,
            expires_at=int(self._clock()) + tokens_now.expires_in,
            refresh_token=refresh_token,
            scope=" ".join(sorted(tokens_now.scopes or tokens.scopes)),
        )

    def revoke(self, organization_id: str) -> None:
        """Tell Fortnox that the grant is no longer wanted; failures do not matter, we forget it anyway."""
        secret = self._secrets.read(organization_id, fresh=True)
        if secret is None or secret.fortnox is None or not secret.fortnox.refresh_token:
            return
        try:
            self._app.oauth().revoke(secret.fortnox.refresh_token)
        except IntegrationError:
            return
