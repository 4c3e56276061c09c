/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_ROUTES_H
#define KOPPEL_WEB_ROUTES_H
/* All that can be asked. The one table decides dispatch, 404 and 405, rights and parameters, and a
 * test holds it against openapi.json. Handlers stand in route_*.c by topic. */
#include "web/request.h"

extern const struct kp_route kp_routes[]; /* ends with a NULL path */
extern const struct kp_route kp_dsp_routes[]; /* of the partners' listener; route_dsp.c */
extern const struct kp_route kp_taxii_routes[]; /* of all listeners, below KP_TAXII_PATH; route_taxii.c */
#define KP_TAXII_PATH "/taxii2/"
/* Who asks there. LATER: a user whose password has to be hashed, which kp_taxii_login does. ANSWERED:
 * the reply is made. */
enum kp_taxii_access { KP_TAXII_NOBODY, KP_TAXII_KNOWN, KP_TAXII_LATER, KP_TAXII_ANSWERED };
enum kp_taxii_access kp_taxii_enter(struct kp_request *);
enum kp_taxii_access kp_taxii_login(struct kp_request *); /* in a thread that may wait */

kp_handler kp_route_page, kp_route_console_asset; /* route_console.c */
kp_handler kp_route_openapi, kp_route_metrics;
kp_handler kp_route_session, kp_route_session_open, kp_route_session_close, kp_route_session_link;
kp_handler kp_route_sessions, kp_route_session_revoke;
kp_handler kp_route_users, kp_route_user_add, kp_route_user_change, kp_route_user_remove, kp_route_user_password; /* route_users.c */
kp_handler kp_route_totp_begin, kp_route_totp_confirm, kp_route_totp_remove;
kp_handler kp_route_audit, kp_route_audit_verify; /* route_audit.c */
kp_handler kp_route_oidc, kp_route_oidc_start, kp_route_oidc_callback; /* route_oidc.c */
kp_handler kp_route_oidc_settings, kp_route_oidc_put, kp_route_oidc_end;
kp_handler kp_route_listen, kp_route_listen_put, kp_route_listen_csr, kp_route_listen_certificate, kp_route_listen_own; /* route_listen.c */
kp_handler kp_route_status, kp_route_protocols, kp_route_certificate;
kp_handler kp_route_tree;
kp_handler kp_route_profiles, kp_route_profile, kp_route_profile_try; /* route_profile.c */
kp_handler kp_route_machines; /* route_machines.c */
kp_handler kp_route_assets, kp_route_asset_make, kp_route_asset, kp_route_asset_change, kp_route_asset_remove;
kp_handler kp_route_values, kp_route_signals, kp_route_signal, kp_route_signal_change, kp_route_signal_remove, kp_route_write;
kp_handler kp_route_history, kp_route_stream;
kp_handler kp_route_forecast; /* route_forecast.c */
kp_handler kp_route_interval_sum; /* route_interval_sum.c */
kp_handler kp_route_intervals, kp_route_interval_make, kp_route_interval_change, kp_route_interval_remove;
kp_handler kp_route_couplings, kp_route_couple, kp_route_coupling, kp_route_coupling_change, kp_route_uncouple;
kp_handler kp_route_nodes, kp_route_choose, kp_route_reconnect, kp_route_browse, kp_route_trust;
kp_handler kp_route_certificates;
kp_handler kp_route_changes, kp_route_consumers, kp_route_consumer_put, kp_route_consumer_remove;
kp_handler kp_route_backups, kp_route_backups_put, kp_route_backups_end, kp_route_backup_now, kp_route_backup_prove;
kp_handler kp_route_retention, kp_route_retention_put, kp_route_usage;
kp_handler kp_route_import, kp_route_line_protocol;
extern const char *const kp_precisions[], *const kp_import_formats[]; /* end with NULL */
kp_handler kp_route_values_post, kp_route_tokens, kp_route_token_make, kp_route_token_remove;
kp_handler kp_route_discover, kp_route_discover_start, kp_route_discover_cancel;
kp_handler kp_route_quarantine, kp_route_quarantine_release, kp_route_quarantine_drop;
extern const char *const kp_alarm_which_words[]; /* ends with NULL */
kp_handler kp_route_alarms, kp_route_alarm, kp_route_alarm_acknowledge, kp_route_alarm_shelve, kp_route_alarm_unshelve; /* route_alarms.c */
kp_handler kp_route_alarm_suppress, kp_route_alarm_unsuppress;
kp_handler kp_route_alarm_delivery, kp_route_alarm_delivery_put, kp_route_alarm_delivery_test, kp_route_alarm_delivery_log;
kp_handler kp_route_alarm_rules, kp_route_alarm_rule, kp_route_alarm_rule_make, kp_route_alarm_rule_change, kp_route_alarm_rule_remove;
extern const char *const kp_post_state_words[]; /* ends with NULL */
kp_handler kp_route_watches, kp_route_watch, kp_route_watch_make, kp_route_watch_change, kp_route_watch_remove; /* route_watches.c */
kp_handler kp_route_watch_replay, kp_route_posts, kp_route_post, kp_route_post_score, kp_route_post_feedback, kp_route_post_say;
extern const char *const kp_shop_every_words[]; /* flex/shop.h */
kp_handler kp_route_calendar, kp_route_calendar_put, kp_route_calendar_planned, kp_route_shop, kp_route_shop_put; /* route_shop.c */
kp_handler kp_route_oee, kp_route_energy, kp_route_stops, kp_route_stop_put, kp_route_parts, kp_route_capacity;
extern const char *const kp_order_words[], *const kp_direction_words[]; /* flex/order.h */
kp_handler kp_route_orders, kp_route_order, kp_route_order_take, kp_route_order_cancel, kp_route_order_confirm; /* route_orders.c */
kp_handler kp_route_operation_start, kp_route_operation_interrupt, kp_route_operation_finish, kp_route_operation_plan, kp_route_bookings;
kp_handler kp_route_folders, kp_route_folders_put, kp_route_folder_log, kp_route_folder_seen, kp_route_folder_check; /* route_shop.c */
extern const char *const kp_report_formats[], *const kp_report_languages[]; /* flex/report.h */
kp_handler kp_route_reports, kp_route_report_shift, kp_route_report_month, kp_route_report_send, kp_route_report_evidence; /* route_report.c */
/* How a page is sent: by enum kp_page_format (flex/page.h); beyond it, as JSON. */
void kp_reply_page(struct kp_request *, int format);
extern const char *const kp_incident_formats[]; /* shield/incident.h */
kp_handler kp_route_incident_scope, kp_route_incident_scope_put, kp_route_incidents, kp_route_incident, kp_route_incident_make, kp_route_incident_change, kp_route_incident_note; /* route_incidents.c */
kp_handler kp_route_incident_stage, kp_route_incident_stage_put, kp_route_incident_file, kp_route_incident_stage_file;
kp_handler kp_route_dsp_versions, kp_route_dsp_catalogue, kp_route_dsp_dataset, kp_route_dsp_look, kp_route_data_in, kp_route_dsp_message; /* route_dsp.c */
kp_handler kp_route_data, kp_route_data_signals, kp_route_data_token; /* route_data.c */
kp_handler kp_route_inventory, kp_route_inventory_import, kp_route_device, kp_route_device_make, kp_route_device_put, kp_route_device_remove, kp_route_device_expect, kp_route_device_confirm, kp_route_aliases, kp_route_aliases_put; /* route_shield.c */
kp_handler kp_route_mcp, kp_route_assistants, kp_route_assistants_put; /* route_mcp.c */
kp_handler kp_route_security, kp_route_advisories, kp_route_advisory, kp_route_advisory_take, kp_route_advisory_answer, kp_route_daily, kp_route_daily_put, kp_route_daily_send; /* the same */
kp_handler kp_route_exits, kp_route_partner_meet; /* route_partner.c */
kp_handler kp_route_stix, kp_route_stix_take, kp_route_stix_show, kp_route_stix_remove, kp_route_collections, kp_route_collection_add, kp_route_collection_change, kp_route_collection_remove, kp_route_collection_member, kp_route_collection_publish; /* route_collections.c */
kp_handler kp_route_taxii_discovery, kp_route_taxii_root, kp_route_taxii_collections, kp_route_taxii_objects, kp_route_taxii_post, kp_route_taxii_delete, kp_route_taxii_status; /* route_taxii.c */
kp_handler kp_route_feeds, kp_route_feed, kp_route_feed_add, kp_route_feed_change, kp_route_feed_remove, kp_route_feed_pull, kp_route_sightings, kp_route_sighting_add, kp_route_sighting_look, kp_route_sighting_remove; /* route_feeds.c */
kp_handler kp_route_observations, kp_route_observe_settings, kp_route_observe_settings_put, kp_route_hits, kp_route_hit_change, kp_route_sighting_release; /* route_observe.c */
kp_handler kp_route_feed_look, kp_route_feed_documents, kp_route_feed_hand_in; /* route_feed_csaf.c */
kp_handler kp_route_card, kp_route_card_put, kp_route_partners, kp_route_partner_add, kp_route_partner_remove, kp_route_partner_catalogue; /* route_share.c */
kp_handler kp_route_offers, kp_route_offer_add, kp_route_offer_remove, kp_route_agreements, kp_route_agreement_end;
kp_handler kp_route_pull; /* route_pull.c */
kp_handler kp_route_deals, kp_route_deal, kp_route_deal_begin, kp_route_deal_say;
kp_handler kp_route_sql, kp_route_backup, kp_route_apply, kp_route_export;

/* Points of history: of one series when nothing is said; of one reply, and steps of one aggregate. */
enum { KP_POINTS_DEFAULT = 10000, KP_POINTS_MAX = 1000000 };
#endif
