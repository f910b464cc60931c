using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;

namespace Fleet.Contracts.Tests;

public sealed class DevicesTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("gateway-07", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("Gateway", false)]
    [InlineData("a b", false)]
    [InlineData("a/b", false)]
    [InlineData("a+", false)]
    [InlineData("#", false)]
    [InlineData("..", false)]
    [InlineData("bücher", false)]
    [InlineData("a\n", false)]
    public void Name_is_lower_case_letters_digits_and_hyphens(string? text, bool isName)
    {
        Assert.Equal(isName, Names.IsName(text));
        Assert.Equal(isName, DeviceId.TryParse(text, out _));
    }

    [Fact]
    public void Name_is_as_long_as_the_limit_and_no_longer()
    {
        Assert.True(Names.IsName(new string('a', Limits.NameLength)));
        Assert.False(Names.IsName(new string('a', Limits.NameLength + 1)));
        Assert.Contains(Limits.NameLength.ToString(), Names.Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void Id_that_breaks_the_rule_is_refused_with_the_value_and_the_rule()
        => Assert.Equal("Device id 'A b' is refused: it must be 1 to 64 of a-z, 0-9 and '-'.",
            Assert.Throws<FormatException>(() => DeviceId.Parse("A b")).Message);

    [Fact]
    public void Id_that_was_never_set_does_not_pass_for_one()
        => Assert.Throws<InvalidOperationException>(() => default(DeviceId).ToString());

    [Fact]
    public void Longest_topic_of_a_device_is_within_the_limit()
    {
        var device = DeviceId.Parse(new string('a', Limits.NameLength));
        foreach (var channel in (string[])[Topics.Desired, Topics.Reported, Topics.Telemetry, Topics.Presence])
        {
            Assert.True(Topics.Of(device, channel).Length <= Limits.TopicLength);
            Assert.True(Topics.MaySubscribe(device, Topics.Of(device, channel)));
        }
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("profile=x64", true)]
    [InlineData("profile=arm-cpu", false)]
    [InlineData("architecture=x64,profile=x64", true)]
    [InlineData("architecture=x64,profile=jetson", false)]
    [InlineData("id=press-1", true)]
    [InlineData("id=press-10", false)]
    [InlineData("label.site=berlin", true)]
    [InlineData("label.site=Berlin", false)]
    [InlineData("label.line=4", false)]
    [InlineData(" profile = x64 , label.site = berlin ", true)]
    [InlineData("label.note=a=b", true)]
    public void Filter_selects_where_every_term_holds(string text, bool selects)
    {
        Assert.True(DeviceFilter.TryParse(text, out var filter, out _));
        var labels = new Dictionary<string, string> { ["site"] = "berlin", ["note"] = "a=b" };
        Assert.Equal(selects, filter.Selects(DeviceId.Parse("press-1"), "x64", "x64", labels));
    }

    [Theory]
    [InlineData("profile")]
    [InlineData("profile=")]
    [InlineData("=x64")]
    [InlineData("colour=red")]
    [InlineData("label.=x")]
    [InlineData("label.Site=x")]
    [InlineData("profile=x64;id=a")]
    public void Filter_that_is_not_understood_is_refused_by_its_term(string text)
    {
        var understood = DeviceFilter.TryParse(text, out var filter, out var problem);
        if (text.Contains(';', StringComparison.Ordinal))
        {
            // A value may hold anything; such a filter selects nothing rather than everything.
            Assert.True(understood);
            Assert.False(filter!.Selects(DeviceId.Parse("a"), "x64", "x64", new Dictionary<string, string>()));
            return;
        }
        Assert.False(understood);
        Assert.Contains($"'{text}'", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Filter_written_out_reads_back_the_same()
    {
        Assert.True(DeviceFilter.TryParse("profile=x64, label.site=berlin", out var filter, out _));
        Assert.Equal("profile=x64,label.site=berlin", filter.ToString());
        Assert.Empty(DeviceFilter.All.Terms);
    }

    [Theory]
    [InlineData("x64", "", null, "x64")]
    [InlineData("arm64", "", null, "arm-cpu")]
    [InlineData("arm64", "nvidia-tegra", null, "jetson")]
    [InlineData("x64", "nvidia", null, "x64")]
    [InlineData("x64", "nvidia-tegra", null, "x64")]
    [InlineData("arm", "", null, null)]
    [InlineData("riscv64", "", null, null)]
    [InlineData("x64", "", "jetson", "jetson")]
    [InlineData("x64", "", "toaster", null)]
    public void Device_is_served_the_profile_it_declares_or_the_most_specific_that_matches(
        string architecture, string accelerators, string? declared, string? profile)
    {
        var facts = new DeviceFacts
        {
            Architecture = architecture,
            Accelerators = accelerators.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            DeclaredProfile = declared,
        };
        Assert.Equal(profile, HardwareProfile.For(facts, BuiltInProfiles.All)?.Name);
        // The order in which profiles are listed decides nothing.
        Assert.Equal(profile, HardwareProfile.For(facts, BuiltInProfiles.All.Reverse())?.Name);
    }

    [Fact]
    public void Declared_profile_does_not_make_the_machine_one_of_it()
        => Assert.False(BuiltInProfiles.Jetson.Matches(Samples.X64Facts with { DeclaredProfile = "jetson" }));

    [Theory]
    [InlineData("avx2 avx512_vnni", true)]
    [InlineData("avx2", false)]
    [InlineData("avx2 avx512_vnni amx_int8", false)]
    public void Flags_may_be_required_and_forbidden(string flags, bool matches)
    {
        var profile = BuiltInProfiles.X64 with
        {
            Match = new ProfileMatch
            {
                Architectures = ["x64"],
                RequiredIsaFlags = ["avx2", "avx512_vnni"],
                ForbiddenIsaFlags = ["amx_int8"],
            },
        };
        Assert.Equal(matches, profile.Matches(Samples.X64Facts with { IsaFlags = flags.Split(' ') }));
    }

    [Fact]
    public void Jetson_variants_are_symmetric_with_float_bias_because_tensorrt_takes_nothing_else()
    {
        Assert.True(BuiltInProfiles.Jetson.Numeric is { SymmetricActivations: true, FloatBias: true, Float16: true });
        Assert.Equal("uint8", BuiltInProfiles.X64.Numeric.Activations);
        Assert.Equal("int8", BuiltInProfiles.ArmCpu.Numeric.Activations);
        Assert.Null(BuiltInProfiles.Find("toaster"));
    }
}
