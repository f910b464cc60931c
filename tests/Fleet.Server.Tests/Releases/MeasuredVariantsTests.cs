using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Server.Releases;

namespace Fleet.Server.Tests.Releases;

/// <summary>What devices report of the variants they validated goes with the next build to its worker.</summary>
public sealed class MeasuredVariantsTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(4);
        var build = await _fleet.BuildAsync("speech",
            await VariantAsync("x64-int8", "int8-static-u8s8", 1.5) with { Refinement = new EstimateRefinement(2, 0.75, 3, 1) },
            await VariantAsync("x64-int8-weights", "int8-weights", 1), await VariantAsync("x64-fp32", "fp32", null),
            await VariantAsync("x64-untimed", "int8-dynamic", null));
        Assert.NotNull((await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default)).Value);
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Next_build_begins_with_what_devices_measured()
    {
        Assert.Null((await LeaseAsync()).Measured);
        await SayAsync(0, "one", ("x64-int8", 2), ("x64-int8-weights", 4), ("x64-fp32", 4.5), ("x64-untimed", 3), ("unheard-of", 1));
        await SayAsync(1, "two", ("x64-int8", 2.5), ("x64-int8-weights", 4));
        await SayAsync(2, "one", ("x64-int8", 3), ("x64-int8-weights", 4));

        var measured = (await LeaseAsync()).Measured!;
        Assert.Equal([
            "0 0 int8-static-u8s8 2 2", "0 0 int8-weights 4 1", "0 0 fp32 4.5 1", "1 1 int8-static-u8s8 2.5 2", "1 1 int8-weights 4 1",
            "2 0 int8-static-u8s8 3 2", "2 0 int8-weights 4 1",
        ], measured.Select(form => FormattableString.Invariant(
            $"{form.Device} {form.Cohort} {form.Scheme} {form.Time.TotalMilliseconds} {form.EstimatedSpeedUp}")));
        Assert.All(measured, form => Assert.Equal(("x64", "speech 1"), (form.Profile, form.Network)));
        Assert.Equal("0123abcd", measured[0].EstimatedBy);
    }

    [Fact]
    public async Task Other_profiles_single_forms_and_devices_that_are_no_longer_trusted_tell_nothing()
    {
        await SayAsync(0, "one", ("x64-int8", 2), ("x64-int8-weights", 4));
        await SayAsync(1, "one", ("x64-int8", 2));
        await SayAsync(2, "one", ("x64-int8", 2), ("x64-int8", 4));
        await SayAsync(3, "one", ("x64-int8", 0), ("x64-int8-weights", 4e9));
        Assert.Equal(2, (await LeaseAsync()).Measured!.Count);
        Assert.Null((await LeaseAsync("arm-cpu")).Measured);
        await _fleet.RevokeAsync(Device(0));
        Assert.Null((await LeaseAsync()).Measured);
    }

    [Fact]
    public async Task Report_with_more_times_than_any_device_tells_is_refused()
    {
        (string, double)[] Many(int count) => [.. Enumerable.Range(0, count).Select(number => ($"v-{number}", 1.0))];
        await SayAsync(0, "one", Many(Limits.VariantTimes));
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => SayAsync(0, "one", Many(Limits.VariantTimes + 1)));
        Assert.Contains("17 variants of speech; at most 16", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<InvalidOperationException>(() => SayAsync(0, "one", ("<b>", 1)));
        Assert.Contains("variant '<b>'", refused.Message, StringComparison.Ordinal);
    }

    private static DeviceId Device(int number) => DeviceId.Parse($"dev-{number:00000}");

    private async Task<VariantReport> VariantAsync(string id, string scheme, double? estimate)
        => await _fleet.VariantAsync(id, "x64") with
        {
            Scheme = scheme,
            EstimatedSpeedUp = estimate,
            EstimatedBy = estimate is null ? null : "0123abcd",
        };

    /// <summary>A device serves the release and tells the times of what it validated.</summary>
    private async Task SayAsync(int device, string processor, params (string Variant, double Milliseconds)[] times)
        => await _fleet.ReportAsync(Device(device), new ReportedState
        {
            Revision = 0,
            Facts = new DeviceFacts { Architecture = "x64", Processor = processor },
            Models = [
                await _fleet.ModelAsync("speech", 1, DeploymentPhase.Active) with
                {
                    Times = [.. times.Select(time => new VariantTime(time.Variant, TimeSpan.FromMilliseconds(time.Milliseconds)))],
                },
            ],
        });

    private async Task<LeaseResponse> LeaseAsync(string profile = "x64")
    {
        await _fleet.Queue.SubmitAsync(
            TestFleet.SpecOf("speech") with { Quantization = new QuantizationSpec { Profiles = [profile] } }, default);
        using var content = new StringContent("""{"worker":"worker-1"}""", Encoding.UTF8, "application/json");
        using var answer = await _fleet.Http.PostAsync(new Uri("/api/v1/worker/leases", UriKind.Relative), content);
        return JsonSerializer.Deserialize(await answer.Content.ReadAsStringAsync(), FleetJson.Default.LeaseResponse)!;
    }
}
