using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Contracts.Releases;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests;

/// <summary>Signatures of the OpenSSF model signing form, made and verified by openssl beside Fleet.</summary>
public sealed class ModelSignatureTests : IDisposable
{
    private static readonly Dictionary<string, string> Files = new() { ["b.onnx"] = Digest("b"), ["a.npz"] = Digest("a") };

    private readonly TemporaryFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private ReleaseKey Key => ReleaseKey.Of(_key.ExportSubjectPublicKeyInfo());

    public void Dispose()
    {
        _folder.Dispose();
        _key.Dispose();
    }

    [Fact]
    public void Signature_has_the_form_that_the_standard_tool_reads()
    {
        var bundle = JsonNode.Parse(Sign(ModelSignature.StatementOf("speech-3", Files)))!;
        Assert.Equal("application/vnd.dev.sigstore.bundle.v0.3+json", (string?)bundle["mediaType"]);
        Assert.Empty(bundle["verificationMaterial"]!["tlogEntries"]!.AsArray());
        Assert.Equal("application/vnd.in-toto+json", (string?)bundle["dsseEnvelope"]!["payloadType"]);

        var statement = JsonNode.Parse(Convert.FromBase64String((string)bundle["dsseEnvelope"]!["payload"]!))!;
        Assert.Equal("https://in-toto.io/Statement/v1", (string?)statement["_type"]);
        Assert.Equal("https://model_signing/signature/v1.0", (string?)statement["predicateType"]);
        var resources = statement["predicate"]!["resources"]!.AsArray();
        Assert.Equal(["a.npz", "b.onnx"], resources.Select(resource => (string?)resource!["name"]));
        Assert.All(resources, resource => Assert.Equal("sha256", (string?)resource!["algorithm"]));
        var root = SHA256.HashData([.. Convert.FromHexString(Digest("a")), .. Convert.FromHexString(Digest("b"))]);
        Assert.Equal(Convert.ToHexStringLower(root), (string?)statement["subject"]![0]!["digest"]!["sha256"]);
        Assert.Equal("""{"method":"files","hash_type":"sha256","allow_symlinks":false,"ignore_paths":["model.sig"]}""",
            statement["predicate"]!["serialization"]!.ToJsonString());
    }

    [Fact]
    public async Task Signature_of_Fleet_is_verified_by_openssl_and_names_the_key_by_its_pem()
    {
        var bundle = JsonNode.Parse(Sign(ModelSignature.StatementOf("speech-3", Files)))!;
        await File.WriteAllTextAsync(_folder["key.pem"], _key.ExportECPrivateKeyPem());
        await OpensslAsync("pkey", "-in", _folder["key.pem"], "-pubout", "-out", _folder["key.pub"]);
        await File.WriteAllBytesAsync(_folder["signature"],
            Convert.FromBase64String((string)bundle["dsseEnvelope"]!["signatures"]![0]!["sig"]!));
        await File.WriteAllBytesAsync(
            _folder["signed"], Encoded(Convert.FromBase64String((string)bundle["dsseEnvelope"]!["payload"]!)));

        await OpensslAsync("dgst", "-sha256", "-verify", _folder["key.pub"], "-signature", _folder["signature"], _folder["signed"]);
        var pem = await File.ReadAllBytesAsync(_folder["key.pub"]);
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(pem)), (string?)bundle["verificationMaterial"]!["publicKey"]!["hint"]);
    }

    [Fact]
    public async Task Signature_that_openssl_made_as_the_standard_tool_writes_it_is_verified()
    {
        await OpensslAsync("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", _folder["key.pem"]);
        await OpensslAsync("pkey", "-in", _folder["key.pem"], "-pubout", "-out", _folder["key.pub"]);
        // As the tool's own statement: indented, in another order, with fields that Fleet does not know.
        var statement = Encoding.UTF8.GetBytes(JsonNode.Parse(ModelSignature.StatementOf("speech", Files))!.ToJsonString(
            new JsonSerializerOptions { WriteIndented = true })
                .Replace("\"resources\"", "\"extra\": {}, \"resources\"", StringComparison.Ordinal));
        await File.WriteAllBytesAsync(_folder["signed"], Encoded(statement));
        await OpensslAsync("dgst", "-sha256", "-sign", _folder["key.pem"], "-out", _folder["signature"], _folder["signed"]);
        var pem = await File.ReadAllTextAsync(_folder["key.pub"]);
        var bundle = Encoding.UTF8.GetBytes($$"""
            {
              "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
              "verificationMaterial": {
                "publicKey": { "hint": "{{Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(pem)))}}" },
                "tlogEntries": []
              },
              "dsseEnvelope": {
                "payload": "{{Convert.ToBase64String(statement)}}",
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{ "sig": "{{Convert.ToBase64String(await File.ReadAllBytesAsync(_folder["signature"]))}}", "keyid": "" }]
              }
            }
            """);
        using var key = ECDsa.Create();
        key.ImportFromPem(pem);

        Assert.Null(ModelSignature.ProblemOf(bundle, [ReleaseKey.Of(key.ExportSubjectPublicKeyInfo())], Files));
        Assert.Contains("not trusted here", ModelSignature.ProblemOf(bundle, [Key], Files));
    }

    [Fact]
    public void Files_must_be_those_that_were_signed()
    {
        var bundle = Sign(ModelSignature.StatementOf("speech", Files));
        Assert.Null(Problem(Files));
        Assert.Null(Problem(new(Files) { ["model.sig"] = Digest("itself") }));
        Assert.Equal("File 'b.onnx' was changed after it was signed.", Problem(new(Files) { ["b.onnx"] = Digest("c") }));
        Assert.Equal("File 'c.onnx' is there and not signed.", Problem(new(Files) { ["c.onnx"] = Digest("c") }));
        Assert.Equal("File 'b.onnx' is signed and missing.", Problem(new() { ["a.npz"] = Digest("a") }));

        string? Problem(Dictionary<string, string> files) => ModelSignature.ProblemOf(bundle, [Key], files);
    }

    [Fact]
    public void Every_changed_byte_of_statement_or_signature_is_refused()
    {
        var envelope = DsseEnvelope.Sign(DsseEnvelope.InToto, ModelSignature.StatementOf("speech", Files), _key);
        foreach (var bytes in (byte[][])[envelope.Payload, envelope.Signatures[0].Sig])
        {
            for (var i = 0; i < bytes.Length; i++)
            {
                bytes[i] ^= 1;
                Assert.NotNull(ModelSignature.ProblemOf(ModelSignature.BundleOf(envelope, Key), [Key], Files));
                bytes[i] ^= 1;
            }
        }
        Assert.Null(ModelSignature.ProblemOf(ModelSignature.BundleOf(envelope, Key), [Key], Files));
    }

    [Theory]
    [InlineData("\"predicateType\":\"https://model_signing/signature/v1.0\"",
        "\"predicateType\":\"https://fleet.dev/release/v1\"", "Predicate")]
    [InlineData("\"method\":\"files\"", "\"method\":\"shards\"", "hashed as a whole")]
    [InlineData("\"algorithm\":\"sha256\"", "\"algorithm\":\"md5\"", "not SHA-256")]
    [InlineData("\"name\":\"b.onnx\"", "\"name\":\"a.npz\"", "stands twice")]
    [InlineData("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1", "in-toto v1")]
    [InlineData("\"subject\":[", "\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"0\"}},", "2 subjects")]
    public void Statement_of_another_form_is_refused_though_it_is_signed(string from, string to, string why)
    {
        var text = Encoding.UTF8.GetString(ModelSignature.StatementOf("speech", Files));
        Assert.Contains(from, text);
        Assert.Contains(why, ModelSignature.ProblemOf(
            Sign(Encoding.UTF8.GetBytes(text.Replace(from, to, StringComparison.Ordinal))), [Key], Files));
    }

    private static string Digest(string content) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)));

    private static byte[] Encoded(byte[] statement) => DsseEnvelope.PreAuthenticationEncoding(DsseEnvelope.InToto, statement);

    private byte[] Sign(byte[] statement) => ModelSignature.BundleOf(DsseEnvelope.Sign(DsseEnvelope.InToto, statement, _key), Key);

    private static async Task OpensslAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("openssl", arguments)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        var said = await process.StandardOutput.ReadToEndAsync() + await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, said);
    }
}
