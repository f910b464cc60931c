namespace Fleet.Quantization.Proof;

/// <summary>A processor that qemu's user mode plays.</summary>
/// <param name="Name">Name on the command line and in reports.</param>
/// <param name="Description">What it stands for among devices.</param>
/// <param name="Architecture"><c>x64</c> or <c>arm64</c>.</param>
/// <param name="Model">qemu's name of it, less what qemu cannot emulate and would warn about.</param>
/// <param name="IsaFlags">
/// Flags as its kernel shows them in <c>/proc/cpuinfo</c>. Only what a program could ask about and the emulator has: the agent decides
/// by them which settings it needs, and ONNX Runtime for arm64 does not survive the file of another architecture.
/// </param>
/// <param name="Part">Arm's part number.</param>
internal sealed record EmulatedProcessor(
    string Name, string Description, string Architecture, string Model, string IsaFlags, string Part = "")
{
    private const string Sse = "fpu cx8 cmov mmx fxsr sse sse2 syscall nx lm pni ssse3 cx16 sse4_1 sse4_2 popcnt";
    private const string Neon = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid";

    /// <summary>Those that are proved unless others are asked for: no VNNI on x86, and Arm before and after the dot product.</summary>
    public static readonly IReadOnlyList<EmulatedProcessor> Usual =
    [
        new("haswell", "x86-64 with AVX2 and without VNNI: its 8-bit products saturate", "x64",
            "Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm",
            $"{Sse} fma movbe aes xsave avx f16c rdrand bmi1 avx2 smep bmi2 erms"),
        new("cortex-a53", "64-bit Arm without the dot product: small gateways, Raspberry Pi 3", "arm64", "cortex-a53", Neon, "0xd03"),
        new("cortex-a72", "64-bit Arm without the dot product: Raspberry Pi 4", "arm64", "cortex-a72", Neon, "0xd08"),
        new("cortex-a76", "64-bit Arm with the dot product: Raspberry Pi 5", "arm64", "cortex-a76",
            $"{Neon} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp", "0xd0b"),
    ];

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<EmulatedProcessor> All =
    [
        .. Usual,
        new("nehalem", "x86-64 with SSE 4 only: old industrial PCs", "x64", "Nehalem", Sse),
    ];

    /// <summary>The processor of that name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static EmulatedProcessor Named(string name) => All.FirstOrDefault(processor => processor.Name == name)
        ?? throw new ArgumentException(
            $"Processor '{name}' is not known; it is one of {string.Join(", ", All.Select(processor => processor.Name))}.");

    /// <summary>The emulator's program.</summary>
    public string Emulator => Architecture == "x64" ? "qemu-x86_64-static" : "qemu-aarch64-static";

    /// <summary>The text of its <c>/proc/cpuinfo</c>, of two processors alike.</summary>
    public string CpuInfo => string.Concat(Enumerable.Range(0, 2).Select(CpuInfoOf));

    private string CpuInfoOf(int index) => Architecture == "x64"
        ? $"processor\t: {index}\nvendor_id\t: GenuineIntel\nmodel name\t: emulated {Name}\nflags\t\t: {IsaFlags}\n\n"
        : $"processor\t: {index}\nBogoMIPS\t: 108.00\nFeatures\t: {IsaFlags}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: "
            + $"0x0\nCPU part\t: {Part}\nCPU revision\t: 3\n\n";
}
