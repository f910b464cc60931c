using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Tests;

/// <summary>
/// What devices of x64 tell the runtime: without VNNI, products of 8-bit integers saturate unless a setting keeps them from it.
/// </summary>
internal static class ExactProducts
{
    public static readonly RuntimeSettings Settings = BuiltInProfiles.X64.Runtime.On(ThisMachine.Facts.IsaFlags);

    /// <summary>
    /// Skips the forms for Arm and Jetson, signed on both sides, where products saturate: the setting does not guard them.
    /// </summary>
    public static void Require(string scheme) => Assert.SkipUnless(
        AreNative || !(scheme.Contains("s8s8", StringComparison.Ordinal) || scheme.Contains("symmetric", StringComparison.Ordinal)),
        "Without VNNI the products of a form for other processors saturate here.");

    /// <summary>True where they are exact without any setting.</summary>
    public static bool AreNative => !Settings.SessionEntries.ContainsKey("session.x64quantprecision");
}
