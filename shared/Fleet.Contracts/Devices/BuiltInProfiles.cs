using System.Text.Json;

namespace Fleet.Contracts.Devices;

/// <summary>The profiles that ship with the product, each a file of its own in <c>Profiles/</c>.</summary>
public static class BuiltInProfiles
{
    /// <summary>All of them, by name.</summary>
    public static readonly IReadOnlyList<HardwareProfile> All = [
        .. Resources().Select(Read).OrderBy(profile => profile.Name, StringComparer.Ordinal),
    ];

    /// <summary>
    /// Intel and AMD processors. Unsigned activations, signed weights: the form its kernels fuse. Without VNNI the 8-bit multiply-add
    /// saturates and silently costs accuracy; its session entry makes the runtime widen the weights, and
    /// <see cref="RuntimeSettings.On"/> leaves it out where VNNI is present.
    /// </summary>
    public static HardwareProfile X64 => Find("x64")!;

    /// <summary>
    /// Intel and AMD processors with AVX2 and without VNNI: weights are unsigned in the file, so that nothing saturates whoever loads it.
    /// </summary>
    public static HardwareProfile X64Avx2 => Find("x64-avx2")!;

    /// <summary>64-bit Arm processors. Signed on both sides: the fast path of its kernels.</summary>
    public static HardwareProfile ArmCpu => Find("arm-cpu")!;

    /// <summary>64-bit Arm processors with the dot product: there 8 bits are worth four times as much as without.</summary>
    public static HardwareProfile ArmCpuDotProduct => Find("arm-cpu-dotprod")!;

    /// <summary>NVIDIA Jetson. Symmetric int8 for TensorRT, and fp16.</summary>
    public static HardwareProfile Jetson => Find("jetson")!;

    /// <summary>Their names, for messages.</summary>
    public static string Names => string.Join(", ", All.Select(profile => profile.Name));

    /// <summary>The profile of that name, or null.</summary>
    public static HardwareProfile? Find(string name) => All.FirstOrDefault(profile => profile.Name == name);

    private static IEnumerable<string> Resources()
        => typeof(BuiltInProfiles).Assembly.GetManifestResourceNames().Where(name => name.StartsWith("profile:", StringComparison.Ordinal));

    private static HardwareProfile Read(string resource)
    {
        using var stream = typeof(BuiltInProfiles).Assembly.GetManifestResourceStream(resource)!;
        return JsonSerializer.Deserialize(stream, WireJson.Strict.HardwareProfile)!;
    }
}
