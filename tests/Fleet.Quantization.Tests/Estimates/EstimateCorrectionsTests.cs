using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Tests.Estimates;

/// <summary>Estimates corrected by what devices measured of other networks.</summary>
public sealed class EstimateCorrectionsTests
{
    private const string Profile = "arm-cpu", Model = "0123abcd", Bytes = "int8-static-s8s8";

    /// <summary>A network on a device: floats in 10 ms, and another form that was estimated at twice that speed.</summary>
    private static MeasuredForm[] Network(int device, double speed, string scheme = Bytes, int cohort = 0, string network = "a 1") => [
        Form(device, "int8-weights", 10, 1, cohort, network), Form(device, scheme, 10 / speed, 2, cohort, network),
    ];

    private static MeasuredForm Form(
        int device, string scheme, double milliseconds, double estimate, int cohort = 0, string network = "a 1") => new()
        {
            Profile = Profile,
            Device = device,
            Cohort = cohort,
            Network = network,
            Scheme = scheme,
            Time = TimeSpan.FromMilliseconds(milliseconds),
            EstimatedSpeedUp = estimate,
            EstimatedBy = Model,
        };

    private static EstimateCorrections Of(params MeasuredForm[] measured) => new(Profile, Model, measured);

    [Fact]
    public void Median_of_devices_corrects_each_kind_of_arithmetic_by_itself()
    {
        var corrections = Of([
            .. Network(1, 1.4), .. Network(2, 1.6, cohort: 1), .. Network(3, 1.5, cohort: 1),
            .. Network(1, 4, "int4-weights-hqq", network: "b 1"), .. Network(2, 4, "int4-weights-hqq"),
            .. Network(3, 4, "int4-weights-hqq"),
        ]);
        var bytes = corrections.Of("int8-static-u8s8")!;
        Assert.Equal((0.75, 3, 2), (Math.Round(bytes.Factor, 4), bytes.Devices, bytes.Cohorts));
        Assert.Equal(2, corrections.Of("int4-weights")!.Factor, 4);
        Assert.Null(corrections.Of("int8-dynamic"));
        Assert.Null(corrections.Of("int8-weights"));
        Assert.Null(corrections.Of("unheard-of"));
    }

    [Fact]
    public void Device_has_one_voice_however_many_networks_it_ran()
    {
        MeasuredForm[] loud = [.. Enumerable.Range(0, 20).SelectMany(network => Network(1, 8, network: $"{network} 1"))];
        Assert.Equal(0.75, Of([.. loud, .. Network(2, 1.5), .. Network(3, 1.5), .. Network(4, 1.5)]).Of(Bytes)!.Factor, 4);
        Assert.Null(Of(loud).Of(Bytes));
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void Few_devices_correct_nothing_and_the_report_says_how_many_are_needed(int devices, bool corrects)
    {
        var corrections = Of([.. Enumerable.Range(0, devices).SelectMany(device => Network(device, 1.5))]);
        Assert.Equal(corrects, corrections.Of(Bytes) is not null);
        Assert.Equal(corrects ? null
            : "What 2 devices of arm-cpu measured of variants that compute in bytes does not correct its estimate: 3 are needed.",
            corrections.WhyNot(Bytes));
    }

    [Fact]
    public void Minority_that_says_what_is_not_so_changes_little()
    {
        MeasuredForm[] honest = [.. Enumerable.Range(0, 7).SelectMany(device => Network(device, 1.5 + device / 100.0))];
        MeasuredForm[] lying = [.. Enumerable.Range(10, 6).SelectMany(device => Network(device, 15))];
        Assert.InRange(Of([.. honest, .. lying]).Of(Bytes)!.Factor, 0.75, 0.79);
    }

    [Fact]
    public void Devices_that_do_not_agree_correct_nothing()
    {
        var corrections = Of([.. Network(1, 0.5), .. Network(2, 1), .. Network(3, 2), .. Network(4, 4)]);
        Assert.Null(corrections.Of(Bytes));
        Assert.Contains("4 devices", corrections.WhyNot(Bytes), StringComparison.Ordinal);
        Assert.Contains("apart", corrections.WhyNot(Bytes), StringComparison.Ordinal);
    }

    public static TheoryData<string> Impossible => ["time", "negative", "estimate", "nan", "factor", "profile", "model", "alone", "scheme"];

    [Theory]
    [MemberData(nameof(Impossible))]
    public void What_cannot_be_or_is_of_something_else_is_no_voice(string what)
    {
        MeasuredForm[] Changed(int device) => what switch
        {
            "time" => Of(device, form => form with { Time = TimeSpan.MaxValue }),
            "negative" => Of(device, form => form with { Time = -form.Time }),
            "estimate" => Of(device, form => form with { EstimatedSpeedUp = 1e9 }),
            "nan" => Of(device, form => form with { EstimatedSpeedUp = double.NaN }),
            "factor" => Network(device, 2.1 * EstimateCorrections.LargestFactor),
            "profile" => Of(device, form => form with { Profile = "jetson" }),
            "model" => Of(device, form => form with { EstimatedBy = "89abcdef" }),
            "scheme" => Of(device, form => form with { Scheme = "unheard-of" }),
            _ => [Network(device, 1.5)[1]],
        };
        static MeasuredForm[] Of(int device, Func<MeasuredForm, MeasuredForm> change)
            => Network(device, 1.5) is [var floats, var bytes] ? [floats, change(bytes)] : [];

        var corrections = EstimateCorrectionsTests.Of([.. Enumerable.Range(0, 9).SelectMany(Changed)]);
        Assert.Null(corrections.Of(Bytes));
        Assert.Null(corrections.WhyNot(Bytes));
    }

    [Fact]
    public void What_is_past_the_limit_is_not_looked_at()
    {
        MeasuredForm[] many = [.. Enumerable.Range(0, Limits.MeasuredForms / 2).SelectMany(device => Network(device, 1.5))];
        Assert.Equal(Limits.MeasuredForms / 2, Of([.. many, .. Network(100_000, 1.5)]).Of(Bytes)!.Devices);
    }

    [Fact]
    public void Every_scheme_has_a_kind_that_agrees_with_what_it_says_of_itself()
        => Assert.All(QuantizationSchemes.All, scheme =>
        {
            var kind = Arithmetics.Of(scheme.Name);
            Assert.NotNull(kind);
            Assert.Equal(scheme.ComputesInFloat, kind == Arithmetic.Floats);
            Assert.Equal(scheme.IsFourBit, kind == Arithmetic.FourBits);
        });

    [Fact]
    public void Cost_models_of_different_processors_have_different_names()
    {
        var (arm, dot) = (EstimateVersion.Of(BuiltInProfiles.ArmCpu), EstimateVersion.Of(BuiltInProfiles.ArmCpuDotProduct));
        Assert.NotEqual(arm, dot);
        Assert.Equal(arm, EstimateVersion.Of(BuiltInProfiles.ArmCpu));
        Assert.Matches("^[0-9a-f]{8}$", arm);
    }
}
