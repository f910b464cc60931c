using Fleet.Server.Certificates;
using Fleet.Server.Enrollment;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>Which certificates of a device are accepted, and which may be renewed.</summary>
public sealed class CertificateRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly DeviceCertificate Renewed =
        new DeviceCertificate { Current = Certificate("B", Now.AddDays(-2)) }.Renewed(Certificate("C", Now.AddDays(-1)), "B");

    [Theory]
    [InlineData("C", -24, nameof(CertificateStanding.Current), true)]
    [InlineData("B", -48, nameof(CertificateStanding.Previous), true)]
    [InlineData("A", -72, nameof(CertificateStanding.Replaced), false)]
    [InlineData("D", -12, nameof(CertificateStanding.Newer), true)]
    public void Newest_that_was_not_shown_yet_leaves_the_one_before_in_force(
        string serial, int issuedHoursAgo, string standing, bool mayRenew)
    {
        var judged = CertificateRules.Judge(Renewed, Certificate(serial, Now.AddHours(issuedHoursAgo)), Now);
        Assert.Equal((standing, mayRenew), (judged.ToString(), CertificateRules.MayRenew(judged, Renewed)));
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(599, true)]
    [InlineData(600, false)]
    public void Certificate_before_ends_ten_minutes_after_the_newest_was_shown(int secondsLater, bool accepted)
    {
        var used = Renewed with { FirstUsedAt = Now };
        var judged = CertificateRules.Judge(used, Certificate("B", Now.AddDays(-2)), Now.AddSeconds(secondsLater));
        Assert.Equal(accepted, CertificateRules.IsAccepted(judged));
        Assert.False(CertificateRules.MayRenew(judged, used));
    }

    [Fact]
    public void Device_from_before_certificates_were_recorded_is_accepted_and_renews()
    {
        var judged = CertificateRules.Judge(null, Certificate("A", Now), Now);
        Assert.Equal(CertificateStanding.Unrecorded, judged);
        Assert.True(CertificateRules.MayRenew(judged, null));
    }

    [Fact]
    public void Certificate_that_was_never_fetched_is_given_up_by_the_next_renewal()
    {
        var again = Renewed.Renewed(Certificate("D", Now), "B");
        Assert.Equal(CertificateStanding.Replaced, CertificateRules.Judge(again, Certificate("C", Now.AddDays(1)), Now));
        Assert.Equal(CertificateStanding.Previous, CertificateRules.Judge(again, Certificate("B", Now.AddDays(-2)), Now));
    }

    [Fact]
    public void New_key_under_an_old_name_leaves_none_of_those_before_in_force()
    {
        var replaced = Renewed.Reenrolled(Certificate("D", Now));
        foreach (var serial in (string[])["B", "C"])
            Assert.Equal(CertificateStanding.Replaced, CertificateRules.Judge(replaced, Certificate(serial, Now.AddDays(-1)), Now));
    }

    /// <summary>A clock that was ahead when the new one was first shown kept the one before, perhaps stolen, for as long.</summary>
    [Fact]
    public void Replaced_certificate_gains_nothing_by_a_clock_that_was_ahead()
    {
        var used = Renewed with { FirstUsedAt = Now.AddDays(100) };
        Assert.Equal(CertificateStanding.Replaced, CertificateRules.Judge(used, Certificate("B", Now.AddDays(-1)), Now));
    }

    [Fact]
    public void Revoked_serial_stands_above_everything()
    {
        var revoked = Renewed with { Revoked = ["C"] };
        Assert.Equal(CertificateStanding.Revoked, CertificateRules.Judge(revoked, Certificate("C", Now), Now));
        Assert.Equal(CertificateStanding.Revoked,
            CertificateRules.Judge(new DeviceCertificate { Revoked = ["C"] }, Certificate("C", Now), Now));
    }

    [Fact]
    public void Certificate_from_after_a_backup_becomes_the_newest()
    {
        var caught = Renewed.Caught(Certificate("D", Now), Now);
        Assert.Equal(("D", "C", Now), (caught.Current!.Serial, caught.Previous, caught.FirstUsedAt));
    }

    [Fact]
    public void Record_keeps_its_size_however_often_a_device_renews_or_serials_are_revoked()
    {
        var known = Renewed;
        for (var i = 0; i < 50; i++) known = known.Renewed(Certificate($"{i:X4}", Now.AddMinutes(i)), known.Current!.Serial);
        for (var i = 0; i < 100; i++) known = known.Revoking($"{i:X4}", revoked: true);
        Assert.Equal((16, 64), (known.Replaced.Count, known.Revoked.Count));
        Assert.Equal(63, known.Revoking("0063", revoked: false).Revoked.Count);
    }

    private static IssuedCertificate Certificate(string serial, DateTimeOffset from) => new(serial, "key", from, from.AddDays(365), "pem");
}
