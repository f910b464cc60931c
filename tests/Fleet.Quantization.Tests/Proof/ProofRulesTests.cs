using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Proof;

namespace Fleet.Quantization.Tests.Proof;

/// <summary>When a variant holds on a processor, and what is said where it does not or cannot be tried.</summary>
public sealed class ProofRulesTests
{
    private static readonly EmulatedProcessor Haswell = EmulatedProcessor.Named("haswell");

    [Theory]
    [InlineData(0.90, 0.90, 1000, true)]
    [InlineData(0.90, 0.897, 1000, true)]
    [InlineData(0.90, 0.896, 1000, false)]
    [InlineData(0.90, 0.95, 1000, true)]
    [InlineData(0.90, 0.80, 10, true)] // One sample of ten.
    [InlineData(0.90, 0.70, 10, false)]
    public void Accuracy_may_fall_by_a_third_of_a_point_or_one_sample(double native, double emulated, int samples, bool holds)
        => Assert.Equal(holds, ProofRules.Judge(Haswell, new(native, 5), new(emulated, -5), samples, true, new RuntimeSettings()).Holds);

    [Theory]
    [InlineData(30, 30, true)]
    [InlineData(30, 29.5, true)]
    [InlineData(30, 29.4, false)]
    [InlineData(30, 40, true)]
    [InlineData(200, 61, true)] // Beyond 60 dB the order of additions decides.
    [InlineData(200, 59, false)]
    [InlineData(30, -200, false)]
    public void Signal_to_noise_may_fall_by_half_a_decibel(double native, double emulated, bool holds)
        => Assert.Equal(holds, ProofRules.Judge(Haswell, new(null, native), new(null, emulated), 10, true, new RuntimeSettings()).Holds);

    [Theory]
    [InlineData(45, true)]
    [InlineData(30, true)]
    [InlineData(29, false)]
    public void Without_a_float_model_outputs_must_be_close_to_the_native_ones(double emulated, bool holds)
        => Assert.Equal(holds, ProofRules.Judge(
            Haswell, new(null, Closeness.Exact), new(null, emulated), 10, false, new RuntimeSettings()).Holds);

    [Fact]
    public void Remedy_is_told_where_the_setting_is_missing_and_only_there()
    {
        var entry = new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" } };
        string Detail(string processor, RuntimeSettings runtime)
            => ProofRules.Judge(EmulatedProcessor.Named(processor), new(null, 30), new(null, 10), 10, true, runtime).Detail;
        Assert.Equal("Signal to noise is 20.0 dB below the native one. Its 8-bit products saturate: set session.x64quantprecision=1, or "
            + "use unsigned weights.", Detail("haswell", new RuntimeSettings()));
        Assert.Equal("Signal to noise is 20.0 dB below the native one.", Detail("haswell", entry));
        Assert.Equal("Signal to noise is 20.0 dB below the native one.", Detail("cortex-a53", new RuntimeSettings()));
    }

    [Fact]
    public void What_is_missing_is_listed_with_the_package_that_has_it()
    {
        var bare = new Emulation(new Dictionary<string, string?> { ["x64"] = "/bin/true", ["arm64"] = null }, "/nowhere", _ => null);
        Assert.Equal(["qemu-x86_64-static is not on PATH (Debian package qemu-user-static)."], bare.MissingFor([Haswell]));
        Assert.Equal(
            [
                "qemu-aarch64-static is not on PATH (Debian package qemu-user-static).",
                "fleet-agent for arm64 is not here; an installed one is named by FLEET_ARM64_AGENT.",
                "libc.so.6 for arm64 is not in /nowhere (Debian package libc6-arm64-cross).",
                "libstdc++.so.6 for arm64 is not in /nowhere (Debian package libstdc++6-arm64-cross).",
            ],
            bare.MissingFor([EmulatedProcessor.Named("cortex-a53"), EmulatedProcessor.Named("cortex-a76")]));
    }

    [Fact]
    public void Processors_show_the_flags_that_tell_them_apart()
    {
        string Flags(string name) => EmulatedProcessor.Named(name).CpuInfo;
        Assert.Contains(" avx2 ", Flags("haswell"), StringComparison.Ordinal);
        Assert.DoesNotContain("vnni", Flags("haswell"), StringComparison.Ordinal);
        Assert.DoesNotContain("asimddp", Flags("cortex-a72"), StringComparison.Ordinal);
        Assert.Contains("asimddp", Flags("cortex-a76"), StringComparison.Ordinal);
        Assert.Contains("haswell, cortex-a53", Assert.Throws<ArgumentException>(() => EmulatedProcessor.Named("m68k")).Message,
            StringComparison.Ordinal);
    }
}
