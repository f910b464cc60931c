using System.Globalization;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>RFC 7030 with curl and openssl, a client that nobody here wrote.</summary>
public sealed class EstTests(RunningServer server) : IClassFixture<RunningServer>, IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Root => $"{server.Addresses.Devices}/.well-known/est";

    [Fact]
    public async Task Foreign_client_fetches_the_authority_enrolls_and_renews()
    {
        await OkAsync("curl", "-sS", "--fail", "--insecure", "-o", _folder["ca.p7"], $"{Root}/cacerts");
        await CertificatesAsync("ca.p7", "ca.pem");
        Assert.Equal(
            await OkAsync("openssl", "x509", "-in", server.Folder["ca.pem"], "-noout", "-fingerprint", "-sha256"),
            await OkAsync("openssl", "x509", "-in", _folder["ca.pem"], "-noout", "-fingerprint", "-sha256"));

        await RequestAsync("first");
        var token = await server.TokenAsync();
        Assert.Equal("200", await PostAsync("simpleenroll", "first", "-u", $"est-1:{token.Token}"));
        Assert.Contains("subject=CN = est-1",
            await OkAsync("openssl", "x509", "-in", _folder["first.pem"], "-noout", "-subject"), StringComparison.Ordinal);
        await OkAsync("openssl", "verify", "-CAfile", _folder["ca.pem"], _folder["first.pem"]);

        await RequestAsync("second");
        Assert.Equal("200", await PostAsync(
            "simplereenroll", "second", "--cert", _folder["first.pem"], "--key", _folder["first.key"]));
        Assert.Contains("\"est-1\"", await OkAsync("curl", "-sS", "--fail", "--cacert", _folder["ca.pem"], "--cert",
            _folder["second.pem"], "--key", _folder["second.key"], $"{server.Addresses.Devices}/self"), StringComparison.Ordinal);
        Assert.Equal("403", await PostAsync(
            "simplereenroll", "first", "--cert", _folder["first.pem"], "--key", _folder["first.key"]));
    }

    [Fact]
    public async Task Device_that_waits_for_approval_is_told_when_to_ask_again()
    {
        await RequestAsync("waits");
        var token = await server.TokenAsync(approve: true);
        Assert.Equal("202", await PostAsync("simpleenroll", "waits", "-u", $"est-2:{token.Token}"));
        Assert.Contains("Retry-After: 15", await File.ReadAllTextAsync(_folder["waits.head"]), StringComparison.OrdinalIgnoreCase);
        using var approved = await RunningServer.PostAsync(server.Operator, "/api/v1/enrollments/est-2/approve", "");
        Assert.True(approved.IsSuccessStatusCode);
        Assert.Equal("200", await PostAsync("simpleenroll", "waits", "-u", $"est-2:{token.Token}"));
    }

    [Fact]
    public async Task Client_without_a_token_or_with_a_wrong_one_is_asked_for_it()
    {
        await RequestAsync("stranger");
        Assert.Equal("401", await PostAsync("simpleenroll", "stranger"));
        Assert.Contains("WWW-Authenticate: Basic", await File.ReadAllTextAsync(_folder["stranger.head"]),
            StringComparison.OrdinalIgnoreCase);
        Assert.Equal("401", await PostAsync("simplereenroll", "stranger"));
        await File.WriteAllTextAsync(_folder["stranger.b64"], "no request");
        Assert.Equal("400", await PostAsync("simpleenroll", "stranger", "-u", $"est-3:{(await server.TokenAsync()).Token}"));
    }

    /// <summary>A key and a request for it, as Base64 of its DER.</summary>
    private async Task RequestAsync(string name)
    {
        await OkAsync("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", _folder[name + ".key"]);
        await OkAsync(
            "openssl", "req", "-new", "-key", _folder[name + ".key"], "-subj", "/CN=any", "-outform", "DER",
            "-out", _folder[name + ".der"]);
        await OkAsync("openssl", "base64", "-in", _folder[name + ".der"], "-out", _folder[name + ".b64"]);
    }

    /// <summary>Posts a request; what comes is NAME.pem when it is a certificate. Returns the status.</summary>
    private async Task<string> PostAsync(string operation, string name, params string[] arguments)
    {
        var status = await OkAsync(
            "curl", ["-sS", "--cacert", server.Folder["ca.pem"], .. arguments, "-H", "Content-Type: application/pkcs10",
            "-H", "Content-Transfer-Encoding: base64", "--data-binary", "@" + _folder[name + ".b64"], "-D", _folder[name + ".head"],
            "-o", _folder[name + ".p7"], "-w", "%{http_code}", $"{Root}/{operation}"]);
        if (int.Parse(status, CultureInfo.InvariantCulture) == 200) await CertificatesAsync(name + ".p7", name + ".pem");
        return status;
    }

    private async Task CertificatesAsync(string from, string to)
    {
        await OkAsync("openssl", "base64", "-d", "-in", _folder[from], "-out", _folder[from + ".der"]);
        await OkAsync("openssl", "pkcs7", "-inform", "DER", "-in", _folder[from + ".der"], "-print_certs", "-out", _folder[to]);
    }

    private static async Task<string> OkAsync(string program, params string[] arguments)
    {
        var result = await ChildProcess.RunAsync(program, arguments, Deadline);
        Assert.True(result.Code == 0, $"{program} {string.Join(' ', arguments)}: {result.Output}");
        return result.Output.Trim();
    }
}
