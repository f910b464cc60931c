using System.Security.Cryptography;
using Fleet.Contracts.Releases;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary><c>fleet releases verify</c> of a bundle: what is not wholly signed is not trusted.</summary>
public sealed class BundleVerifyTests : IDisposable
{
    private readonly ShellUnderTest _fleet = new();
    private readonly TemporaryFolder _folder = new();
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        _fleet.Dispose();
        _folder.Dispose();
        _key.Dispose();
    }

    [Fact]
    public async Task Changed_file_missing_file_and_file_too_many_are_named()
    {
        byte[] release = [.. "{}"u8];
        byte[] model = new byte[1000];
        var digests = new Dictionary<string, string> { ["release.json"] = DigestOf(release), ["model.onnx"] = DigestOf(model) };
        var signature = ModelSignature.BundleOf(
            DsseEnvelope.Sign(DsseEnvelope.InToto, ModelSignature.StatementOf("speech-1", digests), _key),
            ReleaseKey.Of(_key.ExportSubjectPublicKeyInfo()));

        await RefusedAsync("'model.onnx' is signed and missing", ("release.json", release), ("model.sig", signature));
        await RefusedAsync("'model.onnx' was changed", ("release.json", release), ("model.sig", signature), ("model.onnx", [1]));
        await RefusedAsync(
            "'more' is there and not signed", ("release.json", release), ("model.sig", signature), ("model.onnx", model), ("more", [1]));
        // All of it is signed, and yet it is not a release: that is judged as well.
        await RefusedAsync("Malformed", ("release.json", release), ("model.sig", signature), ("model.onnx", model));
        await RefusedAsync("It lacks release.json or model.sig", ("release.json", release));
    }

    private static string DigestOf(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private async Task RefusedAsync(string why, params (string, byte[])[] files)
    {
        await File.WriteAllBytesAsync(_folder["bundle.tar"], TestBundle.Of(files));
        await File.WriteAllTextAsync(_folder["key.pem"], _key.ExportSubjectPublicKeyInfoPem());
        var before = _fleet.Error.Length;
        Assert.Equal(1, await _fleet.RunAsync("releases", "verify", _folder["bundle.tar"], "--trusted-key", _folder["key.pem"]));
        Assert.Contains(why, _fleet.Error[before..].ReplaceLineEndings(" "));
    }
}
