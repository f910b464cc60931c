using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>Keys and names that no device may have. T9: secp112r1 and P-521 were certified, Ed25519 was answered with 500.</summary>
public sealed class SigningRequestAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData("weak-1", "ec -pkeyopt ec_paramgen_curve:secp112r1", "curve secp112r1")]
    [InlineData("weak-2", "ec -pkeyopt ec_paramgen_curve:P-521", "curve P-521")]
    [InlineData("weak-3", "ec -pkeyopt ec_paramgen_curve:secp256k1", "curve secp256k1")]
    [InlineData("weak-4", "ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit", "without a name")]
    [InlineData("weak-5", "rsa -pkeyopt rsa_keygen_bits:1024", "kind RSA")]
    [InlineData("weak-6", "rsa -pkeyopt rsa_keygen_bits:2048", "kind RSA")]
    [InlineData("weak-7", "ed448", "kind ED448")]
    public async Task Key_that_is_not_certified_is_refused_by_name(string device, string algorithm, string says)
    {
        using var folder = new TemporaryFolder();
        var (refused, key) = await server.TryEnrollAsync((await server.TokenAsync()).Token, device, await RequestAsync(folder, algorithm));
        key.Dispose();
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains(says, Assert.Single((await RunningServer.ProblemOf(refused)).Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("p-256", "ec -pkeyopt ec_paramgen_curve:P-256")]
    [InlineData("p-384", "ec -pkeyopt ec_paramgen_curve:P-384")]
    [InlineData("ed25519", "ed25519")]
    public async Task Key_that_is_certified_opens_the_door(string device, string algorithm)
    {
        using var folder = new TemporaryFolder();
        var (response, unused) = await server.TryEnrollAsync(
            (await server.TokenAsync()).Token, device, await RequestAsync(folder, algorithm));
        unused.Dispose();
        var answer = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(), FleetJson.Default.EnrollResponse)!;
        await File.WriteAllTextAsync(folder["device.pem"], answer.Certificate);

        var self = await ChildProcess.RunAsync("curl",
            [
                "-sS", "--cacert", server.Folder["ca.pem"], "--cert", folder["device.pem"], "--key", folder["device.key"],
                $"{server.Addresses.Devices}/self",
            ],
            Deadline);
        Assert.True(self.Code == 0, self.Output);
        Assert.Equal(device, JsonSerializer.Deserialize(self.Output, FleetJson.Default.SelfResponse)!.Device.Value);
    }

    [Fact]
    public async Task Signature_of_another_ed25519_key_is_refused()
    {
        using var folder = new TemporaryFolder();
        var pem = await RequestAsync(folder, "ed25519");
        var der = Convert.FromBase64String(pem[PemEncoding.Find(pem).Base64Data]);
        der[^1] ^= 1;
        await BrokenAsync("forged-ed25519", PemEncoding.WriteString("CERTIFICATE REQUEST", der));
    }

    [Fact]
    public async Task Every_cut_of_a_request_is_refused_and_never_an_error_of_the_server()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var der = new CertificateRequest("CN=cut", key, HashAlgorithmName.SHA256).CreateSigningRequest();
        var token = await server.TokenAsync();
        for (var length = 0; length < der.Length; length += 7)
        {
            var (refused, unused) = await server.TryEnrollAsync(
                token.Token, "cut", PemEncoding.WriteString("CERTIFICATE REQUEST", der.AsSpan(0, length)));
            unused.Dispose();
            Assert.Equal((length, HttpStatusCode.BadRequest), (length, refused.StatusCode));
        }
    }

    [Theory]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")]
    [InlineData("no request at all")]
    public Task Other_text_is_refused(string text) => BrokenAsync("other-text", text);

    /// <summary>T10: a device was enrolled under the server's own name.</summary>
    [Theory]
    [InlineData("localhost", "is a name of the server")]
    [InlineData("-", "must not begin or end with '-'")]
    [InlineData("-press", "must not begin or end with '-'")]
    [InlineData("press-", "must not begin or end with '-'")]
    public async Task Name_of_the_server_or_a_malformed_one_is_refused_and_costs_no_use(string device, string says)
    {
        var token = await server.TokenAsync();
        var (refused, key) = await server.TryEnrollAsync(token.Token, device);
        key.Dispose();
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains(says, (await RunningServer.ProblemOf(refused)).Title, StringComparison.Ordinal);
        var (taken, other) = await server.TryEnrollAsync(token.Token, $"free-{Math.Abs(device.GetHashCode(StringComparison.Ordinal))}");
        other.Dispose();
        Assert.True(taken.IsSuccessStatusCode);
    }

    private async Task BrokenAsync(string device, string request)
    {
        var (refused, key) = await server.TryEnrollAsync((await server.TokenAsync()).Token, device, request);
        key.Dispose();
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    private static async Task<string> RequestAsync(TemporaryFolder folder, string algorithm)
    {
        var key = await ChildProcess.RunAsync(
            "openssl", ["genpkey", "-out", folder["device.key"], "-algorithm", .. algorithm.Split(' ')], Deadline);
        Assert.True(key.Code == 0, key.Output);
        var request = await ChildProcess.RunAsync(
            "openssl", ["req", "-new", "-key", folder["device.key"], "-subj", "/CN=any", "-out", folder["device.csr"]], Deadline);
        Assert.True(request.Code == 0, request.Output);
        return await File.ReadAllTextAsync(folder["device.csr"]);
    }
}
